package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// serve answers what `kubectl exec` and `kubectl logs` ask of a kubelet, through the API server.
func (n *node) serve() {
	routes := http.NewServeMux()
	routes.HandleFunc("/exec/{namespace}/{pod}/{container}", n.serveExec)
	routes.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", n.serveLogs)
	routes.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	server := &http.Server{
		Addr:              net.JoinHostPort(n.address, "10250"),
		Handler:           routes,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{selfSigned(n.address)}},
		ReadHeaderTimeout: time.Minute,
	}
	for {
		err := server.ListenAndServeTLS("", "")
		log.Printf("serving exec and logs: %v", err)
		time.Sleep(time.Second)
	}
}

func (n *node) container(w http.ResponseWriter, req *http.Request) *containerRun {
	run := n.find(req.PathValue("namespace"), req.PathValue("pod"))
	if run != nil {
		for _, one := range run.containers {
			if one.spec.Name == req.PathValue("container") {
				return one
			}
		}
	}
	http.Error(w, "container not found", http.StatusNotFound)
	return nil
}

func (n *node) serveExec(w http.ResponseWriter, req *http.Request) {
	one := n.container(w, req)
	if one == nil {
		return
	}
	options, err := remotecommand.NewOptions(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, req, executor{one}, one.pod.pod.Name, string(one.pod.pod.UID), one.spec.Name,
		req.URL.Query()["command"], options, 4*time.Hour, 30*time.Second, remotecommand.SupportedStreamingProtocols)
}

type executor struct{ container *containerRun }

func (e executor) ExecInContainer(ctx context.Context, _, _, _ string, cmd []string, in io.Reader, out, errors io.WriteCloser, tty bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	if !e.container.isUp() {
		return fmt.Errorf("container is not running")
	}
	plain := e.container.command(cmd)
	command := exec.CommandContext(ctx, plain.Path, plain.Args[1:]...)
	command.Env = plain.Env
	command.Stdout = out
	if errors != nil {
		command.Stderr = errors
	}
	if tty {
		command.Stderr = out
	}
	if in != nil {
		// Not command.Stdin: Wait would then wait for a client that never closes its side.
		pipe, err := command.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			_, _ = io.Copy(pipe, in)
			_ = pipe.Close()
		}()
	}
	err := command.Run()
	if ended, ok := err.(*exec.ExitError); ok {
		return utilexec.CodeExitError{Err: err, Code: exitCode(ended.ProcessState)}
	}
	return err
}

func (n *node) serveLogs(w http.ResponseWriter, req *http.Request) {
	one := n.container(w, req)
	if one == nil {
		return
	}
	content, err := os.ReadFile(one.folder + "/log")
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if tail, err := strconv.Atoi(req.URL.Query().Get("tailLines")); err == nil {
		lines := strings.SplitAfter(string(content), "\n")
		content = []byte(strings.Join(lines[max(0, len(lines)-1-tail):], ""))
	}
	_, _ = w.Write(content)
}

// selfSigned: without --kubelet-certificate-authority the API server takes any certificate.
func selfSigned(address string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "lab-node"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		IPAddresses:  []net.IP{net.ParseIP(address)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: key}
}
