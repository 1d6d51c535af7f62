// @ts-expect-error the page that all of these front ends share has no types
import { show } from "../../page.js";
import * as api from "./api.js";

show(api);
