package record

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// The keys, by entity. Ids of Mesos hold no slash, so the parts are unambiguous.
const (
	AgentKey        = "agent"
	ResourcesKey    = "resources"
	frameworkPrefix = "framework/"
	containerPrefix = "container/"
	taskPrefix      = "task/"
	progressPrefix  = "progress/"
	updatePrefix    = "update/"
	completedPrefix = "completed/"
	donePrefix      = "done/"
	annexPrefix     = "annex/"
	operationPrefix = "operation/"
)

// FrameworkKey is the key of a Framework.
func FrameworkKey(id string) string { return frameworkPrefix + id }

// ContainerKey is the key of a Container.
func ContainerKey(id string) string { return containerPrefix + id }

// TaskKey is the key of a Task.
func TaskKey(framework, task string) string { return taskPrefix + framework + "/" + task }

// ProgressKey is the key of a Progress.
func ProgressKey(framework, task string) string { return progressPrefix + framework + "/" + task }

// UpdateKey is the key of the n-th Update of a task.
func UpdateKey(framework, task string, n uint64) string {
	return fmt.Sprintf("%s%s/%s/%d", updatePrefix, framework, task, n)
}

// CompletedKey is the key of a Completed.
func CompletedKey(container string) string { return completedPrefix + container }

// DoneKey is the key of a Completed that holds the n-th task that ended while its
// executor's container lived on: the task and the time, and nothing else.
func DoneKey(container string, n uint64) string {
	return fmt.Sprintf("%s%s/%d", donePrefix, container, n)
}

// IsDone reports whether key is a DoneKey.
func IsDone(key string) bool { return strings.HasPrefix(key, donePrefix) }

// AnnexKey is the key of an Annex, by its names with dots between.
func AnnexKey(id string) string { return annexPrefix + id }

// OperationKey is the key of an Operation.
func OperationKey(uuid []byte) string { return OperationKeyOf(hex.EncodeToString(uuid)) }

// OperationKeyOf is OperationKey for a uuid that is written in hexadecimal.
func OperationKeyOf(hex string) string { return operationPrefix + hex }

// Message is a record's value.
type Message interface {
	MarshalVT() ([]byte, error)
	UnmarshalVT([]byte) error
}

// New returns an empty message of the kind that lives under key, or nil for a key
// that this version does not know.
func New(key string) Message {
	switch key {
	case AgentKey:
		return new(Agent)
	case ResourcesKey:
		return new(Resources)
	}
	prefix, _, _ := strings.Cut(key, "/")
	switch prefix + "/" {
	case frameworkPrefix:
		return new(Framework)
	case containerPrefix:
		return new(Container)
	case taskPrefix:
		return new(Task)
	case progressPrefix:
		return new(Progress)
	case updatePrefix:
		return new(Update)
	case completedPrefix, donePrefix:
		return new(Completed)
	case annexPrefix:
		return new(Annex)
	case operationPrefix:
		return new(Operation)
	}
	return nil
}

// Split returns the parts of a key after its kind.
func Split(key string) []string {
	_, rest, ok := strings.Cut(key, "/")
	if !ok {
		return nil
	}
	return strings.Split(rest, "/")
}
