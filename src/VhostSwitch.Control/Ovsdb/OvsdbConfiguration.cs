using System.Globalization;
using VhostSwitch.Control.Configuration;
using VhostSwitch.Packets;
using VhostSwitch.Switching;

namespace VhostSwitch.Control.Ovsdb;

/// <summary>Reads out of the database's tables what the switch shall be (<c>ovs-vswitchd.conf.db(5)</c>).</summary>
public static class OvsdbConfiguration
{
    // Of the table Open_vSwitch, those that are read.
    private static readonly string[] Settings =
    [
        "dpdk-init", "vhost-sock-dir", "vhost-iommu-support", "vhost-postcopy-support", "userspace-tso-enable", "stats-update-interval",
        "pmd-cpu-mask", "pmd-maxsleep", "pmd-sleep-max", "pmd-rxq-assign", "vlan-limit",
    ];

    // Open vSwitch's limits.
    private const int LeastAge = 15, MostAge = 3600, LeastAddresses = 10, UsualAddresses = 8192, MostAddresses = 1_000_000;

    /// <summary>What is wanted.</summary>
    /// <param name="replica">The tables.</param>
    public static WantedSwitch Of(OvsdbReplica replica)
    {
        if (Root(replica) is not { } root) return WantedSwitch.Nothing;
        var settings = root["other_config"].Map;
        return new WantedSwitch(
            Named(replica, OvsdbTables.Bridge, root["bridges"], row => Bridge(replica, row), bridge => bridge.Name),
            new SwitchSettings
            {
                VhostSocketFolder = settings.GetValueOrDefault("vhost-sock-dir", ""),
                VhostIommu = IsOn(settings, "vhost-iommu-support"),
                VhostPostcopy = IsOn(settings, "vhost-postcopy-support"),
                Segmentation = IsOn(settings, "userspace-tso-enable"),
            })
        {
            Polling = new PollSettings
            {
                CoreMask = settings.GetValueOrDefault("pmd-cpu-mask"),
                SleepUs = settings.GetValueOrDefault("pmd-sleep-max") ?? settings.GetValueOrDefault("pmd-maxsleep"),
                Assignment = settings.GetValueOrDefault("pmd-rxq-assign"),
            },
            WithoutMeaning = [.. settings.Keys.Except(Settings).Order(StringComparer.Ordinal)],
            // All that there are where 0 is said; Open vSwitch looks at one unless it is told.
            TagsRead = Number(settings, "vlan-limit") is 0 or >= 2 ? 2 : 1,
        };
    }

    /// <summary>The one row of the table Open_vSwitch; null before <c>ovs-vsctl init</c>.</summary>
    /// <param name="replica">The tables.</param>
    public static OvsdbRow? Root(OvsdbReplica replica) => replica.Rows(OvsdbTables.Root).FirstOrDefault();

    private static WantedBridge Bridge(OvsdbReplica replica, OvsdbRow row) => new(
        row["name"].Text ?? "",
        Named(replica, OvsdbTables.Port, row["ports"], port => Port(replica, port), port => port.Name))
    {
        DatapathType = row["datapath_type"].Text ?? "",
        FailMode = row["fail_mode"].Text ?? "",
        HasController = row["controller"].Count > 0,
        FloodVlans = [.. row["flood_vlans"].Numbers],
        ForwardsReserved = IsOn(row["other_config"].Map, "forward-bpdu"),
        AddressAgeSeconds = Number(row["other_config"].Map, "mac-aging-time") is { } age and not 0
            ? Math.Clamp(age, LeastAge, MostAge) : BridgeForwarder.AgeSeconds,
        MostAddresses = Number(row["other_config"].Map, "mac-table-size") is { } most and not 0
            ? Math.Clamp(most, LeastAddresses, MostAddresses) : UsualAddresses,
        Address = Address(row["other_config"].Map.GetValueOrDefault("hwaddr")),
        Mirrors = Named(replica, OvsdbTables.Mirror, row["mirrors"], mirror => Mirror(replica, mirror), mirror => mirror.Name),
    };

    private static WantedPort Port(OvsdbReplica replica, OvsdbRow row) => new(
        row["name"].Text ?? "",
        Named(replica, OvsdbTables.Interface, row["interfaces"], Interface, @interface => @interface.Name))
    {
        Tag = (int?)row["tag"].Number,
        Trunks = [.. row["trunks"].Numbers],
        CustomerVlans = [.. row["cvlans"].Numbers],
        VlanMode = row["vlan_mode"].Text switch
        {
            "access" => VlanMode.Access,
            "trunk" => VlanMode.Trunk,
            "native-tagged" => VlanMode.NativeTagged,
            "native-untagged" => VlanMode.NativeUntagged,
            "dot1q-tunnel" => VlanMode.Dot1qTunnel,
            // The schema allows no other.
            _ => null,
        },
        PriorityTags = row["other_config"].Map.GetValueOrDefault("priority-tags") switch
        {
            "if-nonzero" or "true" => PriorityTags.IfNonzero,
            "always" => PriorityTags.Always,
            _ => PriorityTags.Never,
        },
        TunnelsPlainTags = row["other_config"].Map.GetValueOrDefault("qinq-ethtype") == "802.1q",
        HasQos = row["qos"].Count > 0,
        IsProtected = row["protected"].IsTrue,
    };

    private static WantedInterface Interface(OvsdbRow row) => new(row["name"].Text ?? "", row["type"].Text is { Length: > 0 } type ? type : "system")
    {
        Options = row["options"].Map,
        OfPortRequest = (int?)row["ofport_request"].Number,
        OfPortBefore = row["ofport"].Number is { } before and > 0 ? (int)before : null,
        Mtu = (int?)row["mtu_request"].Number,
        Address = Address(row["mac"].Text),
        QueueAffinity = row["other_config"].Map.GetValueOrDefault("pmd-rxq-affinity", ""),
        IngressKbps = row["ingress_policing_rate"].Number ?? 0,
        IngressBurstKbit = row["ingress_policing_burst"].Number ?? 0,
    };

    private static WantedMirror Mirror(OvsdbReplica replica, OvsdbRow row) => new(row["name"].Text ?? "")
    {
        SelectsAll = row["select_all"].IsTrue,
        SourcePorts = Names(replica, row["select_src_port"]),
        DestinationPorts = Names(replica, row["select_dst_port"]),
        Vlans = [.. row["select_vlan"].Numbers],
        OutputPort = Names(replica, row["output_port"]).FirstOrDefault(),
        OutputVlan = (int?)row["output_vlan"].Number,
        SnapLength = (int?)row["snaplen"].Number,
    };

    // A row may be named before it is sent, and sent before what it names: what is not there yet comes with the next update.
    private static IReadOnlyList<T> Named<T>(OvsdbReplica replica, string table, OvsdbDatum ids, Func<OvsdbRow, T> read, Func<T, string> name) =>
        [.. ids.Rows.Select(id => replica.Find(table, id)).OfType<OvsdbRow>().Select(read).OrderBy(name, StringComparer.Ordinal)];

    private static IReadOnlyList<string> Names(OvsdbReplica replica, OvsdbDatum ports) =>
        Named(replica, OvsdbTables.Port, ports, row => row["name"].Text ?? "", name => name);

    /// <summary>The address that an interface may have; null where the text is none.</summary>
    internal static MacAddress? Address(string? text) =>
        MacAddress.TryParse(text ?? "", out var address) && !address.IsGroup && address.Value != 0 ? address : null;

    private static int? Number(IReadOnlyDictionary<string, string> settings, string key) =>
        int.TryParse(settings.GetValueOrDefault(key), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number : null;

    private static bool IsOn(IReadOnlyDictionary<string, string> settings, string key) => settings.GetValueOrDefault(key) == "true";
}
