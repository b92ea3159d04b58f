package com.example.deit.classify;

/** Which cores of a phone the engine binds its threads to. On x86 there is no such choice. */
public enum PowerMode {
    HIGH("high"),
    LOW("low"),
    FULL("full"),
    NO_BIND("no-bind"),
    RAND_HIGH("rand-high"),
    RAND_LOW("rand-low");

    private final String text;

    PowerMode(String text) {
        this.text = text;
    }

    /** The name that the command line, the JSON and the core have for it, such as no-bind. */
    public String text() {
        return text;
    }
}
