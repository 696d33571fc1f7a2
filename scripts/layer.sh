# shellcheck shell=bash
# To be sourced, in a mount namespace of one's own.

# lay FOLDER [SIZE]: this machine's whole file system at FOLDER/root, under a layer of memory that takes what is written there.
lay() {
  mount -t tmpfs -o "mode=0755${2:+,size=$2}" tmpfs "$1"
  mkdir "$1/upper" "$1/work" "$1/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
  for system in sys dev; do mount --rbind "/$system" "$1/root/$system"; done
}
