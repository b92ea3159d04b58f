"""What lint would look at, without Android's SDK: languages, text that is no resource, sizes, what is exported."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_build import SOURCES
from app_sources import Sources

MANIFEST = """<manifest xmlns:android="http://schemas.android.com/apk/res/android">
  <application android:label="@string/name">
    <activity android:name=".Main" android:exported="true"><intent-filter /></activity>
    <activity android:name=".Other" android:exported="false" />
    {more}
  </application>
</manifest>"""
STRINGS = '<resources><string name="name">{name}</string>{more}</resources>'
LAYOUT = """<LinearLayout xmlns:android="http://schemas.android.com/apk/res/android">
  <TextView android:text="@string/name" />{more}
</LinearLayout>"""
JAVA = "class Main {{ void show() {{ setContentView(R.layout.main); {more} }} }}"


@pytest.fixture(scope="module")
def app() -> Sources:
    return Sources(SOURCES / "main")


def test_every_string_is_in_both_languages_with_the_same_arguments(app: Sources) -> None:
    assert app.languages() == {"zh-rCN"}
    assert app.untranslated() == []


def test_no_text_is_hard_coded(app: Sources) -> None:
    assert app.hard_coded() == []


def test_pictures_are_described(app: Sources) -> None:
    assert app.undescribed() == []


def test_text_grows_with_the_users_font_size(app: Sources) -> None:
    assert app.fixed_text_sizes() == []


def test_no_resource_is_unused(app: Sources) -> None:
    assert app.unused() == []


def test_other_apps_can_start_the_main_screen_only(app: Sources) -> None:
    assert app.exported() == [".screen.MainActivity"]


def test_no_permission_but_the_cameras(app: Sources) -> None:
    assert app.permissions() == ["android.permission.CAMERA"]


def test_sources_that_are_in_order(tmp_path: Path) -> None:
    found = sources(tmp_path)
    assert (
        found.untranslated()
        + found.hard_coded()
        + found.undescribed()
        + found.fixed_text_sizes()
        + found.unused()
        == []
    )
    assert found.exported() == [".Main"]


@pytest.mark.parametrize(
    ("change", "check", "complaint"),
    [
        ({"strings": '<string name="more">x</string>'}, "untranslated", "values-zh-rCN lacks more"),
        ({"chinese": '<string name="more">x</string>'}, "untranslated", "values lacks more"),
        ({"name": "%1$s of %2$d"}, "untranslated", "name: values has [('1s', '2d')], values-zh-rCN has [()]"),
        (
            {"layout": '<Button android:text="Go" />'},
            "hard_coded",
            'layout/main.xml: Button android:text="Go"',
        ),
        ({"java": 'view.setText("Go");'}, "hard_coded", 'Main.java: setText("Go…'),
        ({"java": 'Toast.makeText(this, "开始", 0);'}, "hard_coded", 'Main.java: makeText(this, "开始…'),
        ({"layout": '<ImageView android:id="@+id/a" />'}, "undescribed", "layout/main.xml: ImageView @+id/a"),
        ({"layout": '<TextView android:textSize="12dp" />'}, "fixed_text_sizes", "layout/main.xml: 12dp"),
        (
            {"layout": '<TextView android:textSize="@dimen/a" />', "strings": '<dimen name="a">9px</dimen>'},
            "fixed_text_sizes",
            "layout/main.xml: @dimen/a is 9px",
        ),
        ({"strings": '<color name="red">#f00</color>'}, "unused", "color/red"),
        ({"java": "", "layout": "", "unused_layout": "x"}, "unused", "layout/x"),
        ({"manifest": '<service android:name=".S" android:exported="true" />'}, "exported", ".S"),
        ({"manifest": '<receiver android:name=".R"><intent-filter /></receiver>'}, "exported", ".R"),
    ],
)
def test_sources_that_are_not(tmp_path: Path, change: dict[str, str], check: str, complaint: str) -> None:
    assert complaint in getattr(sources(tmp_path, **change), check)()


@pytest.mark.parametrize(
    "java", ['view.setText("");', 'view.setText("1 / ");', '// setText("Go")', 'put("setText", "Go");']
)
def test_what_is_no_text_is_let_be(tmp_path: Path, java: str) -> None:
    assert sources(tmp_path, java=java).hard_coded() == []


def sources(
    main: Path,
    *,
    name: str = "Name",
    strings: str = "",
    chinese: str = "",
    layout: str = "",
    java: str = "",
    manifest: str = "",
    unused_layout: str = "",
) -> Sources:
    """Sources of a small app, each part with something more."""
    files = {
        "AndroidManifest.xml": MANIFEST.format(more=manifest),
        "res/values/strings.xml": STRINGS.format(name=name, more=strings),
        "res/values-zh-rCN/strings.xml": STRINGS.format(name="名", more=chinese),
        "res/layout/main.xml": LAYOUT.format(more=layout),
        "java/Main.java": JAVA.format(more=java),
    }
    if unused_layout:
        files[f"res/layout/{unused_layout}.xml"] = LAYOUT.format(more="")
    for path, text in files.items():
        (main / path).parent.mkdir(parents=True, exist_ok=True)
        (main / path).write_text(text, encoding="utf-8")
    return Sources(main)
