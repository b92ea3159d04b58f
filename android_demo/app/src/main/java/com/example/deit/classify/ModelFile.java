package com.example.deit.classify;

/** Which of a bundle's files holds the network for this processor. */
public final class ModelFile {
    private ModelFile() {}

    /** model.nb, which is for ARM; what the system property deit.model says on other computers: host.nb. */
    public static String name() {
        return System.getProperty("deit.model", "model.nb");
    }
}
