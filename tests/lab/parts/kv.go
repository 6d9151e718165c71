package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/protobuf/proto"
)

var errKeyExists = errors.New("key exists")

// runKV reads and writes single keys the way K3s does for its bootstrap data:
// only with the transaction shapes that kine understands as well as etcd.
func runKV() {
	flags := flag.NewFlagSet("lab-kv", flag.ExitOnError)
	endpoint := flags.String("endpoint", "https://127.0.0.1:2379", "etcd or kine")
	ca := flags.String("cacert", "", "authority of the server")
	cert := flags.String("cert", "", "client certificate")
	key := flags.String("key", "", "client key")
	timeout := flags.Duration("timeout", 10*time.Second, "for the whole request")
	flags.Parse(os.Args[1:]) //nolint:errcheck // ExitOnError
	if flags.NArg() == 2 && flags.Arg(0) == "bolt" {
		if err := listBolt(flags.Arg(1), "/bootstrap/"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	config := clientv3.Config{Endpoints: []string{*endpoint}, DialTimeout: *timeout}
	err := func() error {
		if *ca != "" {
			tls, err := transport.TLSInfo{TrustedCAFile: *ca, CertFile: *cert, KeyFile: *key}.ClientConfig()
			if err != nil {
				return err
			}
			config.TLS = tls
		}
		client, err := clientv3.New(config)
		if err != nil {
			return err
		}
		defer client.Close() //nolint:errcheck // the process ends here
		ctx, cancel := context.WithTimeout(context.Background(), *timeout)
		defer cancel()
		return serveKV(ctx, client, flags.Args())
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveKV(ctx context.Context, client *clientv3.Client, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: lab-kv [flags] list|create|update|delete KEY (the value comes on stdin), or bolt FILE")
	}
	verb, name := args[0], args[1]
	switch verb {
	case "list":
		return listKV(ctx, client, name)
	case "create":
		value, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		response, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(name), "=", 0)).
			Then(clientv3.OpPut(name, string(value))).Commit()
		if err == nil && !response.Succeeded {
			err = errKeyExists
		}
		return err
	case "update", "delete":
		return changeKV(ctx, client, verb, name)
	}
	return errors.New("unknown verb " + verb)
}

type pair struct{ Key, Value string }

// listBolt reads the live keys under a prefix from a stopped etcd's file, as
// K3s does with a copy of it (etcd-tmp) before it starts its etcd.
func listBolt(path, prefix string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // read-only
	live := map[string]string{}
	err = db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte("key"))
		if bucket == nil {
			return nil
		}
		return bucket.ForEach(func(revision, value []byte) error {
			var kv mvccpb.KeyValue
			if err := proto.Unmarshal(value, &kv); err != nil {
				return err
			}
			if !strings.HasPrefix(string(kv.Key), prefix) {
				return nil
			}
			if len(revision) > 17 && revision[17] == 't' {
				delete(live, string(kv.Key))
			} else {
				live[string(kv.Key)] = string(kv.Value)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	pairs := []pair{}
	for key, value := range live {
		pairs = append(pairs, pair{key, value})
	}
	return json.NewEncoder(os.Stdout).Encode(pairs)
}

func listKV(ctx context.Context, client *clientv3.Client, prefix string) error {
	// kine lists by prefix only when the prefix ends in a slash.
	response, err := client.Get(ctx, prefix+"/", clientv3.WithPrefix())
	if err != nil {
		return err
	}
	pairs := []pair{}
	for _, kv := range response.Kvs {
		pairs = append(pairs, pair{string(kv.Key), string(kv.Value)})
	}
	return json.NewEncoder(os.Stdout).Encode(pairs)
}

func changeKV(ctx context.Context, client *clientv3.Client, verb, name string) error {
	current, err := client.Get(ctx, name)
	if err != nil {
		return err
	}
	if len(current.Kvs) == 0 {
		return errors.New("key not found")
	}
	operation := clientv3.OpDelete(name)
	if verb == "update" {
		value, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		operation = clientv3.OpPut(name, string(value))
	}
	response, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(name), "=", current.Kvs[0].ModRevision)).
		Then(operation).Else(clientv3.OpGet(name)).Commit()
	if err == nil && !response.Succeeded {
		err = errors.New("key was changed meanwhile")
	}
	return err
}
