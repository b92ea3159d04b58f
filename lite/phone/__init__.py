"""Phones over adb: finding them, what they are, files to them, commands on them, and what these measured."""
