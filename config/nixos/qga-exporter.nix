# A module for NixOS: imports = [ ./config/nixos/qga-exporter.nix ]; and
# services.qga-exporter.enable = true;
#
# The unit is the project's own, with its sandbox; what stands here is what NixOS must know.
{ config, lib, pkgs, ... }:

let
  cfg = config.services.qga-exporter;
  yaml = pkgs.formats.yaml { };
  file = yaml.generate "qga-exporter.yml" cfg.settings;
  flags = [ "--config.file=${file}" "--web.listen-address=${cfg.listenAddress}:${toString cfg.port}" ]
    ++ lib.optional (cfg.webConfigFile != null) "--web.config.file=${cfg.webConfigFile}"
    ++ cfg.extraFlags;
in
{
  options.services.qga-exporter = {
    enable = lib.mkEnableOption "the Prometheus exporter for the inside of virtual machines";
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The package.";
    };
    port = lib.mkOption {
      type = lib.types.port;
      default = 10177;
      description = "The port that it listens at.";
    };
    listenAddress = lib.mkOption {
      type = lib.types.str;
      default = "";
      example = "127.0.0.1";
      description = "The address that it listens at; all of them, if it is empty.";
    };
    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether others may reach the port.";
    };
    settings = lib.mkOption {
      type = yaml.type;
      default = { };
      example = { profile = "minimal"; };
      description = "The configuration, as in qga-exporter.yml.";
    };
    webConfigFile = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      description = "A file with TLS and log-ins, outside the store, which everybody can read.";
    };
    extraFlags = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "--log.level=debug" ];
      description = "More flags.";
    };
    libvirtAccess = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Whether polkit lets its user talk to libvirt, which is as good as root on the host
        unless libvirt asks polkit for every call.
      '';
    };
  };

  config = lib.mkIf cfg.enable {
    users.users.qga-exporter = {
      isSystemUser = true;
      group = "qga-exporter";
      description = "Prometheus exporter for libvirt guests";
    };
    users.groups.qga-exporter = { };

    systemd.packages = [ cfg.package ];
    systemd.services.qga-exporter = {
      wantedBy = [ "multi-user.target" ];
      # The unit's own takes its flags from a file below /etc.
      serviceConfig.ExecStart = [ "" "${cfg.package}/bin/qga-exporter ${lib.escapeShellArgs flags}" ];
    };
    environment.systemPackages = [ cfg.package ];

    networking.firewall.allowedTCPPorts = lib.optional cfg.openFirewall cfg.port;
    security.polkit = lib.mkIf cfg.libvirtAccess {
      enable = true;
      extraConfig = builtins.readFile ../polkit/50-qga-exporter.rules;
    };
  };
}
