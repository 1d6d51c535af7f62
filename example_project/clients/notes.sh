#!/bin/sh
# Calls an API with fastauth_django (JSON delivery) from a shell script. Needs curl, jq and flock.
#
#     export API=https://example.com
#     printf %s "$password" | ./notes.sh sign-in ada@example.com
#     ./notes.sh call GET /api/notes/
#     echo '{"text": "Buy milk"}' | ./notes.sh call POST /api/notes/
#     ./notes.sh sign-out
#
# Several may run at once: one of them refreshes, the others wait. Tokens lie in a file that only its owner can read, and
# go to curl by a pipe, since anybody on the machine may read arguments.
# Ends with 0, 22 if the answer is no success, 4 if nobody is signed in (any more), 1 if the site could not be reached or
# has no tokens to give just now: try again later.
set -eu
umask 077

: "${API:?Set API to the origin of the site, such as https://example.com}"
state=${XDG_STATE_HOME:-$HOME/.local/state}/notes
mkdir -p "$state"
# Of each site by themselves: no other one gets them.
tokens=$state/$(printf %s "$API" | tr -c 'A-Za-z0-9.-' _).json
work=$(mktemp -d "$state/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

die() {
  status=$1
  shift
  printf '%s\n' "$*" >&2
  exit "$status"
}

# send METHOD PATH [curl's arguments]: prints the status, and leaves the body in $work/answer. No redirect is followed, so
# no token and no password leaves the site; --disable, because ~/.curlrc could say otherwise.
send() {
  method=$1 path=$2
  shift 2
  if [ "$method" = HEAD ]; then set -- --head "$@"; else set -- --request "$method" "$@"; fi
  curl --disable --silent --show-error --max-time 60 --output "$work/answer" --write-out '%{http_code}' \
    --header 'Accept: application/json' "$@" "$API$path" || die 1 "The site could not be reached. Nobody was signed out."
}

# Until this process ends, or the subshell that it is called in.
lock() {
  exec 9>"$state/lock"
  flock 9
}

token() { jq --raw-output ".$1 // empty" "$tokens" 2>/dev/null || true; }

# keep: stores what a sign-in or a refresh gave. The new file takes the old one's place in one step.
keep() {
  jq --exit-status 'select(.refresh_token and .access_token) | {access_token, refresh_token}' "$work/answer" \
    >"$work/tokens" 2>/dev/null || die 1 "The answer has no tokens. Is TOKEN_DELIVERY of the site 'json'?"
  mv "$work/tokens" "$tokens"
}

sign_in() {
  lock
  sign_out # or a session that nobody uses would live on for weeks
  # jq takes the password from stdin, and curl takes the fields from jq.
  status=$(jq --raw-input --slurp --arg email "$1" '{email: $email, password: .}' |
    send POST /auth/login --header 'Content-Type: application/json' --data-binary @-) || exit
  [ "$status" = 200 ] || die 4 "Not signed in: $(jq --raw-output '.detail // .' "$work/answer" 2>/dev/null || echo "$status")"
  keep
}

# refresh SPENT: gets new tokens, unless another process was faster and SPENT is not the access token any more.
refresh() (
  lock
  [ "$(token access_token)" = "$1" ] || exit 0
  status=$(jq '{refresh_token}' "$tokens" |
    send POST /auth/refresh --header 'Content-Type: application/json' --data-binary @-) || exit
  case $status in
    200) keep ;;
    401)
      rm "$tokens"
      die 4 "Signed out: $(jq --raw-output '.code // .detail' "$work/answer" 2>/dev/null || echo "$status")"
      ;;
    *) die 1 "No new tokens just now: the site answered $status. Nobody was signed out." ;;
  esac
)

# attempt TOKEN METHOD PATH [BODY]: a request with a token, whose status it prints.
attempt() {
  printf 'header = "Authorization: Bearer %s"\n' "$1" >"$work/config"
  shift
  send "$1" "$2" --config "$work/config" \
    ${3:+--header 'Content-Type: application/json' --data-binary "@$3"}
}

call() {
  case $2 in /*) ;; *) die 1 "A path begins with a slash: $2" ;; esac
  body=
  case $1 in
    POST | PUT | PATCH)
      body=$work/body
      cat >"$body" # it may have to be sent twice
      ;;
  esac
  spent=$(token access_token)
  [ -n "$spent" ] || die 4 "Nobody is signed in."
  status=$(attempt "$spent" "$1" "$2" "$body") || exit
  if [ "$status" = 401 ]; then
    refresh "$spent" || exit
    [ -e "$tokens" ] || die 4 "Signed out."
    status=$(attempt "$(token access_token)" "$1" "$2" "$body") || exit
  fi
  cat "$work/answer"
  [ "$status" -lt 300 ] || exit 22
}

sign_out() {
  [ -e "$tokens" ] || return 0
  # The refresh token alone is enough, also if the access token has expired.
  status=$(jq '{refresh_token}' "$tokens" |
    send POST /auth/logout --header 'Content-Type: application/json' --data-binary @-) || exit
  [ "$status" = 200 ] || die 1 "The site answered $status: still signed in."
  rm "$tokens"
}

case ${1:-} in
  sign-in) sign_in "${2:?Whose email address?}" ;;
  call) call "${2:?GET, POST …?}" "${3:?Which path?}" ;;
  sign-out) lock && sign_out ;;
  *) die 1 "Usage: $0 sign-in EMAIL | call METHOD PATH | sign-out" ;;
esac
