using VhostSwitch.Control.CommandLine;
using VhostSwitch.Control.Configuration;
using VhostSwitch.Control.Ovsdb;

namespace VhostSwitch.Control.FileConfiguration;

/// <summary>How many values a column has.</summary>
internal enum ConfigShape
{
    /// <summary>One or none.</summary>
    One,

    /// <summary>Any number.</summary>
    Set,

    /// <summary>One for each of its keys.</summary>
    Map,
}

/// <summary>A column of a table, or a key of a column that is a map.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">How many values it has.</param>
/// <param name="Type">What they are; of a map, its keys say it.</param>
internal sealed record ConfigColumn(string Name, ConfigShape Shape, ConfigType Type)
{
    /// <summary>The keys of a map.</summary>
    public IReadOnlyList<ConfigColumn> Keys { get; private init; } = [];

    /// <summary>A column with a value or none.</summary>
    public static ConfigColumn One(string name, ConfigType type) => new(name, ConfigShape.One, type);

    /// <summary>A column with any number of values.</summary>
    public static ConfigColumn Set(string name, ConfigType type) => new(name, ConfigShape.Set, type);

    /// <summary>A column with keys.</summary>
    public static ConfigColumn Map(string name, params IReadOnlyList<ConfigColumn> keys) =>
        new(name, ConfigShape.Map, ConfigType.Text) { Keys = keys };
}

/// <summary>
/// A kind of object in the configuration file: the names that may stand in it are those of the database's columns
/// (<c>ovs-vswitchd.conf.db(5)</c>), and the ranges those of its schema. What is not named here is refused there: a new setting that
/// <see cref="OvsdbConfiguration"/> reads needs its line here, and a test says so.
/// </summary>
/// <param name="Word">What one of them is called in messages.</param>
/// <param name="List">The member of the object around it that has them.</param>
/// <param name="DatabaseTables">The tables of the database whose columns it has.</param>
/// <param name="Columns">The columns.</param>
internal sealed record ConfigTable(string Word, string List, IReadOnlyList<string> DatabaseTables, IReadOnlyList<ConfigColumn> Columns)
{
    private const int LastVlan = 4095;

    /// <summary>A port and its one interface.</summary>
    public static readonly ConfigTable Port = new("port", "ports", [OvsdbTables.Port, OvsdbTables.Interface],
    [
        ConfigColumn.One("type", ConfigType.OneOf(InterfaceTypes.Names)),
        ConfigColumn.Map("options",
            ConfigColumn.One("dpdk-devargs", ConfigType.Text),
            ConfigColumn.One("vhost-server-path", ConfigType.Text),
            ConfigColumn.One("peer", ConfigType.Text),
            ConfigColumn.One("tx-retries-max", ConfigType.Number(0, 32))),
        ConfigColumn.Map("other_config",
            ConfigColumn.One("pmd-rxq-affinity", ConfigType.Text),
            ConfigColumn.One("priority-tags", ConfigType.OneOf("never", "if-nonzero", "always")),
            ConfigColumn.One("qinq-ethtype", ConfigType.OneOf("802.1ad", "802.1q"))),
        ConfigColumn.One("tag", ConfigType.Number(0, LastVlan)),
        ConfigColumn.Set("trunks", ConfigType.Number(0, LastVlan)),
        ConfigColumn.Set("cvlans", ConfigType.Number(0, LastVlan)),
        ConfigColumn.One("vlan_mode", ConfigType.OneOf("access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel")),
        ConfigColumn.One("protected", ConfigType.Flag),
        ConfigColumn.One("ofport_request", ConfigType.Number(1, 65279)),
        ConfigColumn.One("mtu_request", ConfigType.Number(68, 65535)),
        ConfigColumn.One("mac", ConfigType.Address),
        ConfigColumn.One("ingress_policing_rate", ConfigType.Number(0, uint.MaxValue)),
        ConfigColumn.One("ingress_policing_burst", ConfigType.Number(0, uint.MaxValue)),
    ]);

    /// <summary>A mirror of a bridge.</summary>
    public static readonly ConfigTable Mirror = new("mirror", "mirrors", [OvsdbTables.Mirror],
    [
        ConfigColumn.One("select_all", ConfigType.Flag),
        ConfigColumn.Set("select_src_port", ConfigType.Port),
        ConfigColumn.Set("select_dst_port", ConfigType.Port),
        ConfigColumn.Set("select_vlan", ConfigType.Number(0, LastVlan)),
        ConfigColumn.One("output_port", ConfigType.Port),
        ConfigColumn.One("output_vlan", ConfigType.Number(1, LastVlan)),
        ConfigColumn.One("snaplen", ConfigType.Number(14, 65535)),
    ]);

    /// <summary>A bridge.</summary>
    public static readonly ConfigTable Bridge = new("bridge", "bridges", [OvsdbTables.Bridge],
    [
        ConfigColumn.Map("other_config",
            ConfigColumn.One("hwaddr", ConfigType.Address),
            ConfigColumn.One("forward-bpdu", ConfigType.Flag),
            ConfigColumn.One("mac-aging-time", ConfigType.Number(15, 3600)),
            ConfigColumn.One("mac-table-size", ConfigType.Number(10, 1_000_000))),
        ConfigColumn.Set("flood_vlans", ConfigType.Number(0, LastVlan)),
    ])
    {
        Children = [Port, Mirror],
    };

    /// <summary>The switch: the whole file.</summary>
    public static readonly ConfigTable Switch = new("the switch", "", [OvsdbTables.Root],
    [
        ConfigColumn.Map("other_config",
            ConfigColumn.One("vhost-sock-dir", ConfigType.Text),
            ConfigColumn.One("vhost-iommu-support", ConfigType.Flag),
            ConfigColumn.One("vhost-postcopy-support", ConfigType.Flag),
            ConfigColumn.One("userspace-tso-enable", ConfigType.Flag),
            ConfigColumn.One("vlan-limit", ConfigType.Number(0, 2)),
            ConfigColumn.One("pmd-cpu-mask", ConfigType.Text),
            ConfigColumn.One("pmd-maxsleep", ConfigType.Number(0, 10_000)),
            ConfigColumn.One("pmd-sleep-max", ConfigType.Number(0, 10_000)),
            ConfigColumn.One("pmd-rxq-assign", ConfigType.OneOf("cycles", "roundrobin", "group"))),
    ])
    {
        Children = [Bridge],
    };

    /// <summary>All kinds, from the outside in.</summary>
    public static readonly IReadOnlyList<ConfigTable> All = [Switch, Bridge, Port, Mirror];

    /// <summary>The member with an object's name.</summary>
    public const string NameMember = "name";

    /// <summary>The kinds of objects that lists in this one have.</summary>
    public IReadOnlyList<ConfigTable> Children { get; private init; } = [];

    /// <summary>True for objects with a name.</summary>
    public bool HasName => this != Switch;

    /// <summary>Every name that may stand in such an object.</summary>
    public IEnumerable<string> Members =>
        [.. HasName ? [NameMember] : Enumerable.Empty<string>(), .. Columns.Select(column => column.Name), .. Children.Select(child => child.List)];

    /// <summary>The column of a name; null where there is none.</summary>
    public ConfigColumn? Find(string column) => Columns.FirstOrDefault(known => known.Name == column);

    /// <summary>What to say of a name that is unknown.</summary>
    /// <param name="name">The name.</param>
    /// <param name="known">Those that are known.</param>
    public static string Unknown(string name, IEnumerable<string> known)
    {
        var names = known.ToList();
        return NearestName.Of(name, names) is { } nearest
            ? $"{name} is not known here; the nearest is {nearest}, and there are {string.Join(", ", names)}"
            : $"{name} is not known here: nothing is";
    }

    /// <inheritdoc/>
    public override string ToString() => Word;
}
