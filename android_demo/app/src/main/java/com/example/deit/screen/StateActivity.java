package com.example.deit.screen;

import android.app.Activity;
import android.content.Intent;
import android.view.View;

/** A screen of what outlives it: turned, it goes on with the same state; closed, the state's work ends. */
abstract class StateActivity<S extends ScreenState> extends Activity {
    /** Set in `onCreate`: `retained`, or a new one. */
    S state;

    /** What the screen before a rotation showed; null for a new screen. */
    @SuppressWarnings("unchecked")
    final S retained() {
        return (S) getLastNonConfigurationInstance();
    }

    /** Puts the state on the screen. */
    abstract void render();

    static void show(View view, boolean shown) {
        view.setVisibility(shown ? View.VISIBLE : View.GONE);
    }

    /** Sends text to an app of the user's choice; {@code title} is a string resource. */
    final void send(String subject, String text, int title) {
        Intent send = new Intent(Intent.ACTION_SEND).setType("text/plain");
        send.putExtra(Intent.EXTRA_SUBJECT, subject).putExtra(Intent.EXTRA_TEXT, text);
        startActivity(Intent.createChooser(send, getString(title)));
    }

    /** The screen comes to be seen, and has not been drawn yet. */
    void onShown() {}

    @Override
    protected void onStart() {
        super.onStart();
        state.screen(this::render);
        onShown();
        render();
    }

    @Override
    protected void onStop() {
        state.screen(null);
        super.onStop();
    }

    @Override
    protected void onDestroy() {
        if (!isChangingConfigurations()) state.cancel();
        super.onDestroy();
    }

    @Override
    public Object onRetainNonConfigurationInstance() {
        return state;
    }
}
