//go:build ignore

// Writes a bootstrap value the way K3s does, with Go's own primitives, so that the
// decryption is tested against something that is not its own reverse:
//
//	go run tests/testdata/datastore/bootstrap-vector.go > tests/testdata/datastore/bootstrap-vector.txt
package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
)

func main() {
	const password = "vector-password"
	const salt = "0123456789abcdef" // hex text, used as text
	plain := `{"ClientCA":{"Timestamp":"2026-11-23T10:00:00Z","Content":"aGVsbG8="},"Empty":{"Timestamp":"2026-11-23T10:00:00Z","Content":null}}`
	key, err := pbkdf2.Key(sha1.New, password, []byte(salt), 4096, 32)
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	nonce := []byte("twelve bytes")
	sealed := gcm.Seal(nonce, nonce, []byte(plain), nil)
	fmt.Print(salt + ":" + base64.StdEncoding.EncodeToString(sealed))
}
