# As much of nixpkgs as the module and the package use, so that they can be evaluated without
# it: options are checked by their types and have their defaults, and the result is plain values.
{ given }:

let
  type = name: check: { inherit name check; };
  types = {
    package = type "package" builtins.isAttrs;
    port = type "port" (value: builtins.isInt value && value > 0 && value < 65536);
    str = type "str" builtins.isString;
    bool = type "bool" builtins.isBool;
    attrs = type "attrs" builtins.isAttrs;
    nullOr = inner: type "nullOr" (value: value == null || inner.check value);
    listOf = inner: type "listOf" (value: builtins.isList value && builtins.all inner.check value);
  };
  lib = {
    inherit types;
    mkOption = option: option;
    mkEnableOption = description: { type = types.bool; default = false; inherit description; };
    mkIf = condition: value: if condition then value else { };
    literalExpression = text: text;
    optional = condition: value: if condition then [ value ] else [ ];
    escapeShellArgs = builtins.concatStringsSep " ";
    cleanSource = path: path;
    licenses.asl20 = "Apache-2.0";
    platforms.linux = "linux";
  };
  pkgs = {
    inherit lib;
    formats.yaml = _: {
      type = types.attrs;
      generate = name: value: builtins.toFile name (builtins.toJSON value);
    };
    stdenv.mkDerivation = attributes: attributes // { outPath = "/nix/store/qga-exporter"; };
    stdenv.shell = "/nix/store/bash";
    callPackage = path: _:
      let function = import path;
      in function (builtins.mapAttrs
        (name: _: pkgs.${name} or (builtins.toString name))
        (builtins.functionArgs function));
  };
  module = import ../../config/nixos/qga-exporter.nix;
  options = (module { inherit lib pkgs; config = { }; }).options.services.qga-exporter;
  unknown = builtins.attrNames (builtins.removeAttrs given (builtins.attrNames options));
  chosen = builtins.mapAttrs
    (name: option:
      let value = given.${name} or option.default;
      in if option.type.check value then value else throw "${name} is no ${option.type.name}")
    options;
in
if unknown != [ ] then throw "no such option: ${toString unknown}" else
{
  inherit (module { inherit lib pkgs; config.services.qga-exporter = chosen; }) config;
  package = builtins.removeAttrs chosen.package [ "src" "outPath" ];
  described = builtins.all (option: option.description != "") (builtins.attrValues options);
}
