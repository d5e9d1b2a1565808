package runtask

import (
	"context"
	"io"
	"path"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caprock/caprock/tools/framework"
	"github.com/caprock/caprock/wire/mesos/agent"
)

const (
	copyInterval = 50 * time.Millisecond
	// finishPatience bounds the reading of what is left after the task's end.
	finishPatience = 10 * time.Second
)

// copier follows the task's stdout and stderr files.
type copier struct {
	agentURL string
	files    []*followed
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// followed is one file and how much of it has been copied.
type followed struct {
	path   string
	offset uint64
	to     io.Writer
}

func startCopier(agentURL, frameworkID, taskID string, stdout, stderr io.Writer) *copier {
	// The agent answers this virtual path with the task's latest sandbox.
	sandbox := path.Join("/frameworks", frameworkID, "executors", taskID, "runs/latest")
	ctx, stop := context.WithCancel(context.Background())
	c := &copier{agentURL: agentURL, stop: stop, files: []*followed{
		{path: path.Join(sandbox, "stdout"), to: stdout},
		{path: path.Join(sandbox, "stderr"), to: stderr},
	}}
	c.done.Go(func() {
		look := time.NewTicker(copyInterval)
		defer look.Stop()
		for {
			for _, f := range c.files {
				// A file that is not there yet, or an agent that restarts: next time.
				_ = c.drain(ctx, f)
			}
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
		}
	})
	return c
}

// finish copies what the task printed last.
func (c *copier) finish(ctx context.Context) {
	c.stop()
	c.done.Wait()
	ctx, cancel := context.WithTimeout(ctx, finishPatience)
	defer cancel()
	for _, f := range c.files {
		for c.drain(ctx, f) != nil && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(copyInterval):
			}
		}
	}
}

// drain copies until the file's end of the moment.
func (c *copier) drain(ctx context.Context, f *followed) error {
	for {
		data, size, err := c.read(ctx, f)
		if err != nil {
			return err
		}
		if _, err := f.to.Write(data); err != nil {
			return err
		}
		f.offset += uint64(len(data))
		if len(data) == 0 || f.offset >= size {
			return nil
		}
	}
}

// read is one READ_FILE; it returns bytes from f.offset on and the file's size.
func (c *copier) read(ctx context.Context, f *followed) ([]byte, uint64, error) {
	call := &agent.Call{
		Type:     agent.Call_READ_FILE.Enum(),
		ReadFile: &agent.Call_ReadFile{Path: proto.String(f.path), Offset: proto.Uint64(f.offset)},
	}
	var response agent.Response
	if err := framework.Ask(ctx, c.agentURL, call, &response); err != nil {
		return nil, 0, err
	}
	return response.GetReadFile().GetData(), response.GetReadFile().GetSize(), nil
}
