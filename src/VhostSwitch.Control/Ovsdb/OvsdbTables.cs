namespace VhostSwitch.Control.Ovsdb;

/// <summary>A table of Open vSwitch's database as this switch uses it.</summary>
/// <param name="Name">The table's name.</param>
/// <param name="Configuration">The columns that others write: what is wanted.</param>
/// <param name="Written">The columns that this switch writes: what is.</param>
internal sealed record OvsdbTable(string Name, IReadOnlyList<string> Configuration, IReadOnlyList<string> Written);

/// <summary>The tables and columns that this switch reads and writes (<c>ovs-vswitchd.conf.db(5)</c>).</summary>
internal static class OvsdbTables
{
    public const string Database = "Open_vSwitch";
    public const string Root = "Open_vSwitch";
    public const string Bridge = "Bridge";
    public const string Port = "Port";
    public const string Interface = "Interface";
    public const string Mirror = "Mirror";

    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<OvsdbTable> All =
    [
        new(Root, ["bridges", "next_cfg", "other_config"], ["cur_cfg", "dpdk_initialized", "dpdk_version", "datapath_types", "iface_types"]),
        new(Bridge, ["name", "ports", "mirrors", "datapath_type", "fail_mode", "controller", "flood_vlans", "other_config"],
            ["datapath_id", "datapath_version", "status"]),
        new(Port, ["name", "interfaces", "tag", "trunks", "vlan_mode", "cvlans", "qos", "protected", "other_config"], []),
        new(Interface,
            ["name", "type", "options", "ofport_request", "mtu_request", "mac", "ingress_policing_rate", "ingress_policing_burst", "other_config"],
            [
                "ofport", "error", "admin_state", "link_state", "link_speed", "link_resets", "duplex", "mac_in_use", "mtu", "ifindex",
                "status", "statistics",
            ]),
        new(Mirror,
            ["name", "select_all", "select_src_port", "select_dst_port", "select_vlan", "output_port", "output_vlan", "snaplen"],
            []),
    ];
}
