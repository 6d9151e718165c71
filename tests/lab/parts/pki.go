package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// pkiRequest is what the lab's k3s writes to the standard input of `lab-pki`.
// K3s makes its certificates in-process; the front, being TypeScript, asks here.
type pkiRequest struct {
	Authorities []struct{ Crt, Key, Name string }
	RSAKeys     []string
	Leaves      []leafSpec
}

type leafSpec struct {
	Crt, Key, AuthorityCrt, AuthorityKey string
	Name                                 string
	Organizations                        []string
	Names                                []string
	Client, Server                       bool
	Mode                                 uint32
}

// runPKI makes what is missing and re-issues leaves whose authority, names or
// key no longer fit. One line of JSON for each certificate made.
func runPKI() {
	var request pkiRequest
	err := json.NewDecoder(os.Stdin).Decode(&request)
	if err == nil {
		err = servePKI(request)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func servePKI(request pkiRequest) error {
	for _, path := range request.RSAKeys {
		if exists(path) {
			continue
		}
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return err
		}
		if err := writePEM(path, 0o600, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)); err != nil {
			return err
		}
	}
	for _, authority := range request.Authorities {
		if exists(authority.Crt) && exists(authority.Key) {
			continue
		}
		if err := makeAuthority(authority.Crt, authority.Key, authority.Name); err != nil {
			return err
		}
	}
	for _, leaf := range request.Leaves {
		if err := ensureLeaf(leaf); err != nil {
			return fmt.Errorf("%s: %w", leaf.Crt, err)
		}
	}
	return nil
}

func makeAuthority(crtPath, keyPath, name string) error {
	key, err := ensureKey(keyPath)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(0),
		Subject:               pkix.Name{CommonName: fmt.Sprintf("%s@%d", name, now.Unix())},
		NotBefore:             now,
		NotAfter:              now.Add(10 * 365 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	return writePEM(crtPath, 0o644, "CERTIFICATE", der)
}

func ensureLeaf(spec leafSpec) error {
	authorityPEM, err := os.ReadFile(spec.AuthorityCrt)
	if err != nil {
		return err
	}
	authority, err := parseCertificate(authorityPEM)
	if err != nil {
		return err
	}
	authorityKey, err := readKey(spec.AuthorityKey)
	if err != nil {
		return err
	}
	key, err := ensureKey(spec.Key)
	if err != nil {
		return err
	}
	if fits(spec, authority, key) {
		return nil
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(math.MaxInt64))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: spec.Name, Organization: spec.Organizations},
		NotBefore:    authority.NotBefore,
		NotAfter:     time.Now().UTC().Add(365 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	for _, name := range spec.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if spec.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if spec.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), authorityKey)
	if err != nil {
		return err
	}
	mode := os.FileMode(spec.Mode)
	if mode == 0 {
		mode = 0o644
	}
	// K3s writes the chain: the leaf, then its authority.
	chain := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), authorityPEM...)
	if err := writeFile(spec.Crt, mode, chain); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{
		"subject": template.Subject.String(), "issuer": authority.Subject.String(),
		"notBefore": template.NotBefore.String(), "notAfter": template.NotAfter.Truncate(time.Second).String(),
	})
}

func fits(spec leafSpec, authority *x509.Certificate, key crypto.Signer) bool {
	text, err := os.ReadFile(spec.Crt)
	if err != nil {
		return false
	}
	leaf, err := parseCertificate(text)
	if err != nil || leaf.CheckSignatureFrom(authority) != nil || leaf.Subject.CommonName != spec.Name {
		return false
	}
	public, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || !public.Equal(key.Public()) || time.Until(leaf.NotAfter) < 120*24*time.Hour {
		return false
	}
	for _, name := range spec.Names {
		if ip := net.ParseIP(name); ip != nil {
			if !slices.ContainsFunc(leaf.IPAddresses, ip.Equal) {
				return false
			}
		} else if !slices.Contains(leaf.DNSNames, name) {
			return false
		}
	}
	return true
}

func ensureKey(path string) (crypto.Signer, error) {
	if exists(path) {
		return readKey(path)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(path, 0o600, "EC PRIVATE KEY", der)
}

func readKey(path string) (crypto.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM in " + path)
	}
	return x509.ParseECPrivateKey(block.Bytes)
}

func parseCertificate(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

func writePEM(path string, mode os.FileMode, kind string, der []byte) error {
	return writeFile(path, mode, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func writeFile(path string, mode os.FileMode, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() > 0
}
