#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The stress of user space: rounds of parts without end, or as many as asked for. One line "= ROUND PART RESULT" for each part, which is the same on
# every right machine; lines with "#" say how far it is. Parameters come from the kernel's command line:
#   stress.seed=N   stress.rounds=N (0: no end)   stress.scale=N   stress.parts=NAME,NAME…
#   stress.rest=N (seconds that part timers takes, nearly all of them idle)
export PATH=/usr/bin:/usr/sbin:/bin:/sbin LC_ALL=C HOME=/root PYTHONHASHSEED=0
seed=1 rounds=0 scale=1 rest=1 parts=
for word in $(</proc/cmdline); do
  case $word in
    stress.seed=*) seed=${word#*=} ;;
    stress.rounds=*) rounds=${word#*=} ;;
    stress.scale=*) scale=${word#*=} ;;
    stress.rest=*) rest=${word#*=} ;;
    stress.parts=*) parts=${word#*=} ;;
  esac
done
here=/tmp
work=/root/work # on the disk
programs='threads signals memory code arithmetic forks timers'
cd "$here" || exit 1

# What a command printed, as one line, and its status when that is not 0.
line_of() {
  local output status
  output=$("$@" 2>&1)
  status=$?
  output=${output//$'\n'/ | }
  ((status == 0)) || output="$output (status $status)"
  printf '%s' "$output"
}

# Bytes that the host can make too: AES-128 in counter mode over zeros, the key being the seed in hexadecimal.
known_bytes() {
  head -c "$1" /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$(printf '%032x' "$now")" -iv 00000000000000000000000000000000
}

# The files are read from the disk again. Every fourth round everything is: what a program was translated to is then lost with the memory it lay in,
# and translating it again is what takes a machine longest.
forget() {
  local name
  sync
  for name in "$@"; do dd of="$name" oflag=nocache conv=notrunc,fdatasync count=0 2> /dev/null; done
  ((round % 4 != 0)) || echo 3 > /proc/sys/vm/drop_caches
}

part_shell() {
  local i sum=0 text='' value=$now
  for ((i = 0; i < 1500 * scale; i++)); do
    value=$(((value * 1103515245 + 12345) % 2147483648))
    sum=$((sum ^ value))
    text+=${value: -1}
  done
  for ((i = 0; i < 20 * scale; i++)); do sum=$((sum + $(echo $((i * i))))); done
  echo "sum $sum text $(echo "${text//7/seven}" | tr 0-9 a-j | sha256sum | cut -c1-32) $(seq 1 $((5000 * scale)) | sort -r | uniq | awk '{ s += $1 * NR } END { print s }')"
}

part_digests() {
  local name
  known_bytes $((1000000 * scale)) > known
  for name in md5 sha1 sha256 sha512 sha3-256 blake2b512; do
    printf '%s %s ' $name "$(openssl dgst -$name -r known | cut -c1-32)"
  done
  printf 'chacha20 %s ' "$(openssl enc -chacha20 -nosalt -K "$(printf '%064x' 3)" -iv "$(printf '%032x' 5)" -in known | sha256sum | cut -c1-32)"
  printf 'aes-256-cbc %s ' "$(openssl enc -aes-256-cbc -nosalt -K "$(printf '%064x' 7)" -iv "$(printf '%032x' 9)" -in known | sha256sum | cut -c1-32)"
  printf 'coreutils %s\n' "$(sha512sum known | cut -c1-32)"
}

# Timed by the machine's own clock and signals: which numbers it gives is its own affair, that it gives them is not.
part_speed() {
  openssl speed -seconds 1 -bytes 1024 -mr sha256 2>/dev/null | awk -F: '/^\+F:/ { if ($4 > 0) n++ } END { print n + 0, "algorithm measured" }'
}

part_perl() { perl perl-part.pl "$now" "$scale"; }
part_python() { python3 python-part.py "$now" "$scale"; }

# All programs that the parts need in the first round, then one in each: a compiler takes a machine longer than what it compiles.
part_gcc() {
  local name digests='' level=$((now % 3)) all=()
  for name in $programs; do [[ ,$parts, =~ ,($name|together), ]] && all+=("$name"); done
  ((${#all[@]})) || all=($programs)
  ((round == 1)) || all=("${all[round % ${#all[@]}]}")
  for name in "${all[@]}"; do
    gcc -O$level -pthread -march=armv8-a+crc -o "$name" "$name.c" -lm 2> errors || { echo "WRONG $name: $(tail -n 1 errors)"; return 1; }
    digests+=$(strip -o stripped "$name" && sha256sum < stripped)
  done
  printf 'int main(void) { return %d; }\n' $((now % 100)) | gcc -x c -o tiny -
  ./tiny
  echo "${#all[@]} programs, -O$level, returned $? digest $(echo "$digests" | sha256sum | cut -c1-32)"
}

part_tree() {
  mkdir -p $work
  tar -C /usr/include -cf - --sort=name --owner=0 --group=0 --mtime=@0 asm-generic rpc net sys 2>/dev/null > $work/tree.tar
  gzip -nk -$((1 + now % 9)) -f $work/tree.tar
  mkdir -p $work/tree && tar -C $work/tree -xzf $work/tree.tar.gz
  forget $work/tree.tar $work/tree.tar.gz
  for name in asm-generic rpc net sys; do
    [ -d /usr/include/$name ] && { diff -r /usr/include/$name $work/tree/$name || echo differs; }
  done
  gzip -dc $work/tree.tar.gz | cmp - $work/tree.tar
  echo "files $(find $work/tree -type f | wc -l) digest $(sha256sum < $work/tree.tar.gz | cut -c1-32)"
  rm -rf $work
}

part_disk() {
  mkdir -p $work
  known_bytes $((4000000 * scale)) > $work/one
  dd if=$work/one of=$work/two bs=7k 2> /dev/null
  forget $work/one $work/two
  cmp $work/one $work/two && echo "same $(sha256sum < $work/two | cut -c1-32)"
  rm -rf $work
}

part_threads() { ./threads "$now" "$scale"; }
part_signals() { ./signals "$now" "$scale"; }
part_memory() { ./memory "$now" "$scale"; }
part_code() { ./code "$now" "$scale"; }
part_arithmetic() { ./arithmetic "$now" "$scale"; }
part_forks() { ./forks "$now" "$scale"; }

part_timers() {
  ./timers "$rest" > waits 2>&1 &
  timeout 0.3 sleep 10
  echo "timeout $?"
  timeout 0.2 bash -c 'while :; do sleep 0.05; done'
  echo "loop $?"
  sleep 3 | { read -r -t 0.4 _; echo "read $?"; }
  wait
  cat waits
}

# Everything at the same time, twice; in every other round, because it takes as long as all else together.
part_together() {
  local name copy
  for copy in 1 2; do
    for name in code memory threads arithmetic signals forks; do
      ./$name $((now + copy)) "$scale" > together.$name.$copy 2>&1 &
    done
    python3 python-part.py $((now + copy)) "$scale" > together.python.$copy 2>&1 &
    perl perl-part.pl $((now + copy)) "$scale" > together.perl.$copy 2>&1 &
  done
  wait
  grep -h WRONG together.*
  cat together.* | sha256sum | cut -c1-32
}

: "${parts:=shell,digests,perl,python,gcc,tree,disk,threads,signals,memory,code,arithmetic,forks,speed,together,timers}"
echo "= 0 begin seed $seed scale $scale"
for ((round = 1; rounds == 0 || round <= rounds; round++)); do
  now=$((seed + round))
  # A program stands at the same addresses in three rounds of four, and what it was translated to can be used again.
  echo $((round % 4 == 0 ? 2 : 0)) > /proc/sys/kernel/randomize_va_space
  for part in ${parts//,/ }; do
    [[ $part == together ]] && ((round % 2 == 0)) && continue
    result=$(line_of "part_$part")
    echo "= $round $part $result"
    read -r uptime idle < /proc/uptime
    echo "# $uptime $idle"
  done
done
echo '= 0 end'
sync
echo o > /proc/sysrq-trigger
sleep 60
