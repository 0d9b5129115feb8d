"use strict";
/* An agent as it was at earlier updates. */
