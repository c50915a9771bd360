// What OpenTSDB's frame loads (see server/http/ui_files.rs): leads on to the built-in pages, keeping what is shown.
"use strict";
location.replace("s/ui/" + location.hash);
