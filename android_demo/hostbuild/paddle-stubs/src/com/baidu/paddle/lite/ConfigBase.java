package com.baidu.paddle.lite;

/** Stands in for the class of PaddlePredictor.jar. */
public class ConfigBase {}
