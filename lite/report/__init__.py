"""Reports as HTML pages."""

import logging

# It tells users that it builds a cache of fonts, or that it may not write into their folder for settings; of neither
# depends anything here. Before it is imported, since it does so then.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
