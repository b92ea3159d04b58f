// gradle/verification-metadata.xml by Gradle's own writer and verifier, without Gradle's distribution or Android's SDK:
// verification.groovy PROJECT HOME write                 adds the SHA-256 of all that the app's build takes from repositories
// verification.groovy PROJECT HOME verify REPOSITORY MODULE...   takes modules from a folder, as the build would; exit 1 if refused
// It runs in PROJECT, where Gradle looks for gradle/.

import org.gradle.api.internal.artifacts.ivyservice.ivyresolve.verification.DependencyVerificationOverride
import org.gradle.testfixtures.ProjectBuilder

def root = new File(args[0]).canonicalFile
def home = new File(args[1]).canonicalFile
def plugin = (new File(root, 'build.gradle').text =~ /'com\.android\.application' version '([\d.]+)'/)[0][1]
// It would be evaluated, and only Gradle itself knows its plugins block.
new File(root, 'build.gradle').delete()
def top = ProjectBuilder.builder().withName('deit-demo').withProjectDir(root).withGradleUserHomeDir(home).build()

def causes = { Throwable failed ->
    def lines = []
    for (Throwable cause = failed; cause; cause = cause.cause) lines << (cause.message ?: cause.toString())
    lines.unique().join('\n')
}
def write = {
    top.gradle.startParameter.writeDependencyVerifications = ['sha256']
    def module = ProjectBuilder.builder().withName('app').withParent(top).withProjectDir(new File(root, 'app')).withGradleUserHomeDir(home).build()
    def properties = new Properties()
    new File(root, 'gradle.properties').withReader { properties.load(it) }
    properties.each { name, value -> module.ext.set(name, value) }
    module.evaluate()
    [top.repositories, module.repositories, top.buildscript.repositories].each { it.mavenCentral() }
    top.buildscript.dependencies.add('classpath', "com.android.tools.build:gradle:${plugin}")
    top.buildscript.configurations.classpath.resolve()
    // What comes with the SDK and not from a repository.
    ['androidApis', 'androidJdkImage'].each { name -> module.configurations.remove(module.configurations.getByName(name)) }
    // Once the plugin complains that gradle.properties has no android.useAndroidX: a ProjectBuilder does not show it the file.
    try {
        module.configurations.debugUnitTestRuntimeClasspath.resolve()
    } catch (Exception failed) {
        if (!causes(failed).contains('android.useAndroidX')) throw failed
    }
    module.configurations.findAll { it.canBeResolved }.each { configuration ->
        configuration.resolvedConfiguration.lenientConfiguration.unresolvedModuleDependencies.each {
            System.err.println("not to be had here: ${it.selector} (${configuration.name})")
        }
    }
    top.services.get(DependencyVerificationOverride).buildFinished(top.gradle)
}
def verify = { String repository, List<String> modules ->
    top.repositories.maven {
        url = new File(repository).toURI()
        // Maven has no other metadata there.
        metadataSources { mavenPom(); artifact(); ignoreGradleMetadataRedirection() }
    }
    def configuration = top.configurations.create('given')
    modules.each { top.dependencies.add('given', it) }
    configuration.resolve()*.name.sort().each { println(it) }
}
try {
    args[2] == 'write' ? write() : verify(args[3], args.drop(4).toList())
    System.out.flush()
    System.exit(0) // Gradle leaves threads behind
} catch (Exception failed) {
    System.err.println(causes(failed))
    System.exit(1)
}
