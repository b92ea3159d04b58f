// The version of this program, as in pyproject.toml.
#pragma once

#define DEIT_VERSION "0.1.0"
