// Evaluates the app's build.gradle with the real Android Gradle plugin, without Gradle's distribution, SDK or network, and runs
// the action of preparePaddleLite: check.groovy PROJECT HOME REPORT [CASE.json...].
// REPORT gets what was read and how each case ended; a case has the properties of the task that differ, as strings, lists or maps,
// or under "project" those of the command line (-P) to read the app with.

import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.Phases
import org.gradle.api.tasks.TaskProvider
import org.gradle.testfixtures.ProjectBuilder

def root = new File(args[0]).canonicalFile
def home = new File(args[1]).canonicalFile
def report = new File(args[2])

// These two need Gradle itself: here only whether they are Groovy.
['settings.gradle', 'build.gradle'].each { name ->
    def unit = new CompilationUnit()
    unit.addSource(new File(root, name))
    unit.compile(Phases.CONVERSION)
}

// The module, read with properties as of -P on the command line.
def evaluated = { Map given ->
    def top = ProjectBuilder.builder().withName('deit-demo').withProjectDir(root).withGradleUserHomeDir(home).build()
    def module = ProjectBuilder.builder().withName('app').withParent(top).withProjectDir(new File(root, 'app')).withGradleUserHomeDir(home).build()
    def properties = new Properties()
    new File(root, 'gradle.properties').withReader { properties.load(it) }
    (properties + given).each { name, value -> module.ext.set(name, value) }
    module.evaluate()
    module
}
def ofTests = { module ->
    def test = module.tasks.getByName('testDebugUnitTest')
    [systemProperties: test.systemProperties, jvmArgs: test.jvmArgs, maxHeapSize: test.maxHeapSize,
     after: test.dependsOn.findAll { it instanceof TaskProvider }*.name]
}
def app
try {
    app = evaluated([:])
} catch (Exception failed) {
    for (Throwable cause = failed; cause; cause = cause.cause) System.err.println("gradle-check: ${cause.message ?: cause}")
    System.exit(1)
}

def android = app.android
def prepare = app.tasks.getByName('preparePaddleLite')
def dependencies = { String name -> app.configurations.getByName(name).dependencies.collect { "${it.group}:${it.name}:${it.version}".toString() } }
def before
before = { String name -> app.tasks.getByName(name).taskDependencies.getDependencies(null)*.name.collectMany { [it] + before(it) }.unique().sort() }
def read = [
    namespace: android.namespace,
    compileSdk: android.compileSdk,
    minSdk: android.defaultConfig.minSdk,
    targetSdk: android.defaultConfig.targetSdk,
    abis: android.defaultConfig.ndk.abiFilters.sort(),
    ndk: android.ndkVersion,
    cmake: [
        path: root.toPath().relativize(android.externalNativeBuild.cmake.path.toPath()).toString(),
        version: android.externalNativeBuild.cmake.version,
        targets: android.defaultConfig.externalNativeBuild.cmake.targets.sort(),
        arguments: android.defaultConfig.externalNativeBuild.cmake.arguments.collect { it.toString() },
    ],
    assets: android.sourceSets.main.assets.srcDirs*.path.sort(),
    jniLibs: android.sourceSets.main.jniLibs.srcDirs*.path.sort(),
    noCompress: android.androidResources.noCompress.sort(),
    dependencies: [test: dependencies('testImplementation')],
    files: app.configurations.getByName('implementation').dependencies.collectMany { it.resolve()*.path },
    tasks: app.tasks.names.findAll { it ==~ /assemble(Debug|Release)|testDebugUnitTest|lintDebug|preparePaddleLite/ }.sort(),
    before: [preBuild: before('preBuild')] + app.tasks.names.findAll { it.startsWith('configureCMake') }.collectEntries { [it, before(it)] },
    output: prepare.output.get().asFile.path,
    tests: ofTests(app),
]

def outcome = { Closure<Map> action ->
    try {
        return [done: true] + action()
    } catch (Throwable failed) {
        while (failed.cause) failed = failed.cause
        return [done: false, kind: failed.class.simpleName, message: failed.message]
    }
}
def ofProject = { module ->
    def task = module.tasks.getByName('preparePaddleLite')
    [tests: ofTests(module), bundle: task.bundle.getOrElse(''), releases: task.releases.get(), hostNetwork: task.hostNetwork.get()]
}
def cases = args.drop(3).collectEntries { path ->
    def file = new File(path)
    def given = new JsonSlurper().parse(file)
    if (given.project) return [(file.name - '.json'): outcome { ofProject(evaluated(given.project)) }]
    given.each { name, value ->
        def property = prepare.property(name)
        property.set(property.metaClass.respondsTo(property, 'getAsFile') || name in ['bundles', 'repository', 'output'] ? new File(value) : value)
    }
    [(file.name - '.json'): outcome { prepare.actions.each { it.execute(prepare) }; [:] }]
}
report.text = JsonOutput.prettyPrint(JsonOutput.toJson([read: read, cases: cases]))
System.exit(0) // Gradle leaves threads behind
