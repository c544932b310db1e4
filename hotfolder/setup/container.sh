#!/bin/sh
# hotfolder, as whom the container was started; where that is root (`--user 0`), as PUID:PGID, before anything else.
# `docker exec … hotfolder status` comes through here too.
set -eu
program=/opt/hotfolder/bin/hotfolder
user=${PUID:-1000} group=${PGID:-1000}
case "$user$group" in
*[!0-9]*) echo "PUID and PGID must be numbers, such as 1000; they are '$user' and '$group'." >&2; exit 2 ;;
esac

if [ "$(id -u)" != 0 ]; then
    if [ "${PUID:-$(id -u)}" != "$(id -u)" ] || [ "${PGID:-$(id -g)}" != "$(id -g)" ]; then
        echo "This container was started as $(id -u):$(id -g) and can't become $user:$group." >&2
        echo "Start it with --user $user:$group, or with --user 0, which becomes PUID:PGID by itself." >&2
        exit 2
    fi
    exec "$program" "$@"
fi
# A new volume belongs to somebody else. What holds something already is its owner's business.
for folder in /data /state; do
    if [ -d "$folder" ] && [ -z "$(ls -A "$folder" 2>/dev/null)" ]; then
        chown "$user:$group" "$folder" 2>/dev/null || :
    fi
done
if ! setpriv --reuid "$user" --regid "$group" --clear-groups true 2>/dev/null; then
    echo "This container may not become user $user: start it with --user $user:$group," >&2
    echo "or leave it the capabilities SETUID and SETGID." >&2
    exit 2
fi
exec setpriv --reuid "$user" --regid "$group" --clear-groups "$program" "$@"
