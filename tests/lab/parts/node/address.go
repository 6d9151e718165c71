package main

import (
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// addressPool hands out the addresses of the node's part of the pod network, from .2 on.
type addressPool struct {
	mutex sync.Mutex
	base  uint32
	used  map[uint32]bool
}

func newAddressPool(network string) *addressPool {
	address, _, err := net.ParseCIDR(network)
	if err != nil {
		panic(err)
	}
	return &addressPool{base: binary.BigEndian.Uint32(address.To4()), used: map[uint32]bool{}}
}

// take gives a free address and puts it on lo; wanted is the one that the pod had before, or "".
func (p *addressPool) take(wanted string) string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	number := p.base + 2
	if parsed := net.ParseIP(wanted).To4(); parsed != nil {
		number = binary.BigEndian.Uint32(parsed)
	} else {
		for p.used[number] {
			number++
		}
	}
	p.used[number] = true
	address := make(net.IP, 4)
	binary.BigEndian.PutUint32(address, number)
	_ = exec.Command("ip", "addr", "replace", address.String()+"/32", "dev", "lo").Run()
	return address.String()
}

// give: the address is not used again, so that nothing of an old pod is taken for a new one.
func releaseAddress(address string) {
	if address != "" {
		_ = exec.Command("ip", "addr", "del", address+"/32", "dev", "lo").Run()
	}
}

func readFile(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(content), "\n")
}
