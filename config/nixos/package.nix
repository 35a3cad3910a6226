# The program for NixOS: pkgs.callPackage ./config/nixos/package.nix { }
{ lib, stdenv, pkg-config, gnutls, jansson, libdeflate, libmicrohttpd, libseccomp, libuv, libvirt, libxcrypt
, libxml2, libyaml, pcre2, uthash }:

stdenv.mkDerivation {
  pname = "qga-exporter";
  version = "1.0.0-rc1";
  src = lib.cleanSource ../..;

  nativeBuildInputs = [ pkg-config ];
  buildInputs = [ gnutls jansson libdeflate libmicrohttpd libseccomp libuv libvirt libxcrypt libxml2 libyaml pcre2 uthash ];

  enableParallelBuilding = true;
  makeFlags = [
    "SHELL=${stdenv.shell}"
    "PREFIX=${placeholder "out"}"
    "SYSCONFDIR=/etc"
    "REVISION=nixos"
    "BRANCH=nixos"
  ];
  # What was built looks for its configuration in /etc; the examples lie in the store.
  installFlags = [ "-o" "all" "SYSCONFDIR=${placeholder "out"}/etc" ];

  meta = {
    description = "Prometheus exporter for the inside of virtual machines";
    license = lib.licenses.asl20;
    platforms = lib.platforms.linux;
    mainProgram = "qga-exporter";
  };
}
