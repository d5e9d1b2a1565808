package core

import (
	"slices"

	"github.com/caprock/caprock/wire/mesos"
)

// LocalDriver is Docker's own driver of volumes.
const LocalDriver = "local"

// IsMemory reports whether v is what Docker's own driver would make in memory.
func IsMemory(v *mesos.Volume) bool {
	d := v.GetSource().GetDockerVolume()
	return v.GetSource().GetType() == mesos.Volume_Source_DOCKER_VOLUME && d.GetDriver() == LocalDriver &&
		slices.ContainsFunc(d.GetDriverOptions().GetParameter(), func(p *mesos.Parameter) bool { return p.GetKey() == "type" && p.GetValue() == "tmpfs" })
}

// knownVolume reports whether v is a path of the host or of a sandbox, or in memory.
func knownVolume(v *mesos.Volume) bool {
	if v.Source == nil {
		return v.HostPath != nil && v.Image == nil
	}
	t := v.Source.GetType()
	return t == mesos.Volume_Source_HOST_PATH || t == mesos.Volume_Source_SANDBOX_PATH || IsMemory(v)
}
