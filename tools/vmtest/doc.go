// Package vmtest runs a test binary as root in a throw-away virtual machine, with a
// kernel of its own: what the host cannot show is shown there, such as the whole of
// cgroups v2 on a host whose controllers are on v1.
//
// The machine is QEMU without hardware acceleration, so it works inside of other
// virtual machines, some eight times slower; it boots a Debian cloud kernel from
// /boot in about two seconds. Needed are the packages qemu-system-x86,
// linux-image-cloud-amd64, busybox-static and cpio; Missing says which are not there.
package vmtest
