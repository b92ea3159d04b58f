package com.baidu.paddle.lite;

/** Stands in for the class of PaddlePredictor.jar: what the app uses of it, with the same signatures. */
public class Tensor {
    private final PaddlePredictor predictor;
    private final boolean input;
    private final int index;

    Tensor(PaddlePredictor predictor, boolean input, int index) {
        this.predictor = predictor;
        this.input = input;
        this.index = index;
    }

    public boolean isReadOnly() {
        return !input;
    }

    public boolean resize(long[] dims) {
        return input && resize(predictor.handle(), index, dims);
    }

    public boolean setData(float[] buf) {
        return input && setFloats(predictor.handle(), index, buf);
    }

    public long[] shape() {
        return shape(predictor.handle(), input, index);
    }

    public float[] getFloatData() {
        return getFloats(predictor.handle(), input, index);
    }

    private static native long[] shape(long handle, boolean input, int index);

    private static native boolean resize(long handle, int index, long[] dims);

    private static native boolean setFloats(long handle, int index, float[] data);

    private static native float[] getFloats(long handle, boolean input, int index);
}
