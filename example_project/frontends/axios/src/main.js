import { show } from "../../page.js";
import * as api from "./api.js";

show(api);
