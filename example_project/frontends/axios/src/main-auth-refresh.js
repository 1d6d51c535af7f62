import { show } from "../../page.js";
import * as api from "./api-auth-refresh.js";

show(api);
