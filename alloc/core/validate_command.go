package core

import (
	"bytes"

	"github.com/caprock/caprock/wire/mesos"
)

// ValidateCommand applies the rules for commands: those of their environment.
func ValidateCommand(c *mesos.CommandInfo) error {
	return validateEnvironment(c.GetEnvironment())
}

func validateEnvironment(e *mesos.Environment) error {
	for _, v := range e.GetVariables() {
		if err := validateVariable(v); err != nil {
			return faultf("environment variable %q: %w", v.GetName(), err)
		}
	}
	return nil
}

func validateVariable(v *mesos.Environment_Variable) error {
	switch v.GetType() {
	case mesos.Environment_Variable_SECRET:
		if v.Secret == nil {
			return faultf("type SECRET needs a secret")
		}
		if v.Value != nil {
			return faultf("type SECRET must not have a value")
		}
		if err := validateSecret(v.Secret); err != nil {
			return err
		}
		if bytes.IndexByte(v.Secret.GetValue().GetData(), 0) >= 0 {
			return faultf("a secret used as environment variable must not contain null bytes")
		}
	case mesos.Environment_Variable_VALUE:
		if v.Value == nil {
			return faultf("type VALUE needs a value")
		}
		if v.Secret != nil {
			return faultf("type VALUE must not have a secret")
		}
	default:
		return faultf("type UNKNOWN is not allowed")
	}
	return nil
}

func validateSecret(s *mesos.Secret) error {
	switch s.GetType() {
	case mesos.Secret_REFERENCE:
		if s.Reference == nil {
			return faultf("secret of type REFERENCE needs a reference")
		}
		if s.Value != nil {
			return faultf("secret '%s' of type REFERENCE must not have a value", s.Reference.GetName())
		}
	case mesos.Secret_VALUE:
		if s.Value == nil {
			return faultf("secret of type VALUE needs a value")
		}
		if s.Reference != nil {
			return faultf("secret of type VALUE must not have a reference")
		}
	default:
		return faultf("secret of type UNKNOWN is not allowed")
	}
	return nil
}

// ValidateContainer applies the rules for containers and their volumes. A member
// that does not belong to the type is tolerated, as in Mesos.
func ValidateContainer(c *mesos.ContainerInfo) error {
	if c == nil {
		return nil
	}
	for _, v := range c.GetVolumes() {
		if err := validateVolume(v); err != nil {
			return faultf("volume %q: %w", v.GetContainerPath(), err)
		}
	}
	if c.GetType() != mesos.ContainerInfo_DOCKER {
		return nil
	}
	if c.Docker == nil {
		return faultf("container of type DOCKER needs 'docker'")
	}
	for _, p := range c.Docker.GetParameters() {
		if p.GetKey() == "name" {
			return faultf("parameter 'name' in 'DockerInfo.parameters' is not allowed")
		}
	}
	return nil
}

func validateVolume(v *mesos.Volume) error {
	given := 0
	for _, present := range []bool{v.HostPath != nil, v.Image != nil, v.Source != nil} {
		if present {
			given++
		}
	}
	if given != 1 {
		return faultf("got %d of 'host_path', 'image' and 'source', want exactly one", given)
	}
	if v.Source == nil {
		return nil
	}
	return validateVolumeSource(v.Source)
}

func validateVolumeSource(s *mesos.Volume_Source) error {
	member, present := "", false
	switch s.GetType() {
	case mesos.Volume_Source_DOCKER_VOLUME:
		member, present = "docker_volume", s.DockerVolume != nil
	case mesos.Volume_Source_HOST_PATH:
		member, present = "host_path", s.HostPath != nil
	case mesos.Volume_Source_SANDBOX_PATH:
		member, present = "sandbox_path", s.SandboxPath != nil
	case mesos.Volume_Source_SECRET:
		member, present = "secret", s.Secret != nil
	case mesos.Volume_Source_CSI_VOLUME:
		member, present = "csi_volume.static_provisioning", s.GetCsiVolume().GetStaticProvisioning() != nil
	default:
		return faultf("'source.type' is unknown")
	}
	if !present {
		return faultf("'source.%s' is not set for type %v", member, s.GetType())
	}
	return nil
}
