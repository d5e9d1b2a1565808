// Package quotatest gives tests a file system with project quotas: the one that the
// virtual machine of tools/vmtest has mounted, or on a host whose kernel can, an XFS
// in a file.
package quotatest
