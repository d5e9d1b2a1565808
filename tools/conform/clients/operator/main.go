package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli"
	"github.com/mesos/mesos-go/api/v1/lib/httpcli/httpmaster"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/master/calls"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:5050/api/v1", "the operator API")
	codec := flag.String("codec", "protobuf", "protobuf or json")
	patience := flag.Duration("patience", time.Minute, "how long everything may take")
	flag.Parse()

	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	media := codecs.MediaTypeProtobuf
	if *codec == codecs.NameJSON {
		media = codecs.MediaTypeJSON
	}
	client := httpcli.New(httpcli.Endpoint(*url), httpcli.Codec(codecs.ByMediaType[media]))
	o := &operator{ctx: ctx, sender: httpmaster.NewSender(client.Send)}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"find an agent", o.findAgent},
		{"reserve, make, grow, shrink and destroy a volume, unreserve", o.volume},
		{"set a quota and take it back", o.quota},
		{"set a weight", o.weight},
		{"announce maintenance and withdraw it", o.maintenance},
		{"deactivate the agent and take it back", o.activation},
		{"be refused what is wrong", o.refusals},
	} {
		log.Println(step.name)
		if err := step.do(); err != nil {
			log.Fatalf("%s: %v", step.name, err)
		}
	}
	fmt.Println("the operator got every answer")
}

// operator sends calls to the allocator; the agent is the one it works on.
type operator struct {
	ctx    context.Context
	sender calls.Sender
	agent  master.Response_GetAgents_Agent
}

// order sends a call that is answered by a status alone.
func (o *operator) order(call *master.Call) error {
	if err := calls.SendNoData(o.ctx, o.sender, calls.NonStreaming(call)); err != nil {
		return fmt.Errorf("%v: %w", call.GetType(), err)
	}
	return nil
}

// ask sends a call that is answered by a message.
func (o *operator) ask(call *master.Call) (*master.Response, error) {
	answer, err := o.sender.Send(o.ctx, calls.NonStreaming(call))
	if err != nil {
		return nil, fmt.Errorf("%v: %w", call.GetType(), err)
	}
	defer answer.Close()
	var got master.Response
	if err := answer.Decode(&got); err != nil {
		return nil, fmt.Errorf("%v: reading the answer: %w", call.GetType(), err)
	}
	return &got, nil
}

// until asks again and again, as operations are answered before agents have
// done them.
func (o *operator) until(call *master.Call, want string, seen func(*master.Response) bool) error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		got, err := o.ask(call)
		if err != nil {
			return err
		}
		if seen(got) {
			return nil
		}
		select {
		case <-o.ctx.Done():
			return fmt.Errorf("%v never showed %s; the last answer: %v", call.GetType(), want, got)
		case <-look.C:
		}
	}
}
