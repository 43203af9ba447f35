using VhostSwitch.Ports;
using VhostSwitch.Ports.NetAfPacket;
using VhostSwitch.Ports.NetAfXdp;
using VhostSwitch.Ports.NetTap;
using VhostSwitch.Ports.NetVhost;
using VhostSwitch.Ports.Patch;
using VhostSwitch.Vhost;

namespace VhostSwitch.Control.Configuration;

/// <summary>The types of interfaces, by the names of Open vSwitch, and the devices they are made of.</summary>
/// <param name="settings">The settings that count.</param>
/// <param name="runFolder">The folder that sockets are made in.</param>
public sealed class InterfaceTypes(SwitchSettings settings, string runFolder)
{
    /// <summary>A vhost-user socket that the switch serves.</summary>
    public const string VhostServer = "dpdkvhostuser";

    /// <summary>A vhost-user socket that the guest's side serves.</summary>
    public const string VhostClient = "dpdkvhostuserclient";

    /// <summary>One end of a wire between two bridges.</summary>
    public const string Patch = "patch";

    private const int MostSettingBytes = 255;

    private static readonly VhostDriver Vhost = new();
    private static readonly TapDriver Tap = new();
    private static readonly AfPacketDriver AfPacket = new();
    private static readonly PatchDriver PatchEnd = new();

    /// <summary>The names of all types, in the order of the alphabet.</summary>
    public static IReadOnlyList<string> Names { get; } = ["dpdk", VhostServer, VhostClient, "internal", Patch, "system", "tap"];

    /// <summary>Decides what an interface is made of.</summary>
    /// <param name="wanted">The interface.</param>
    /// <param name="bridge">Its bridge.</param>
    public PlannedInterface Plan(WantedInterface wanted, WantedBridge bridge)
    {
        var planned = new PlannedInterface(wanted, bridge.Name);
        try
        {
            planned = wanted.Type switch
            {
                _ when planned.IsLocal => planned with { Device = Host(wanted, wanted.Address ?? bridge.Address) },
                VhostServer => planned with { Device = Server(wanted) },
                VhostClient when ServerPath(wanted) is { } path => planned with { Device = Client(wanted, path) },
                VhostClient => planned with { Waiting = "waiting for options:vhost-server-path, the socket that the guest's side serves" },
                "dpdk" => planned with { Device = Attached(wanted) },
                "system" => planned with { Device = Vdev.Of(wanted.Name, AfPacket, ("iface", wanted.Name)) },
                "internal" or "tap" => planned with { Device = Host(wanted, wanted.Address) },
                Patch => planned with { Device = Wire(wanted) },
                _ => throw new PortException($"type {wanted.Type} is not built; there are {string.Join(", ", Names)}"),
            };
        }
        catch (PortException e)
        {
            return planned with { Refusal = e.Message };
        }
        return planned with { Notice = Notice(wanted, planned) };
    }

    private Vdev Server(WantedInterface wanted)
    {
        if (wanted.Name.AsSpan().ContainsAny('/', '\\'))
            throw new PortException("the name is that of a socket in the run directory, and may have neither '/' nor '\\'");
        string sub = settings.VhostSocketFolder;
        if (sub.Length > MostSettingBytes || sub.Split('/').Contains(".."))
        {
            throw new PortException($"other_config:vhost-sock-dir={sub} was given; "
                + $"a folder below {runFolder} is allowed, without '..', of {MostSettingBytes} bytes at most");
        }
        string folder = Path.Join(runFolder, sub);
        if (!Directory.Exists(folder)) throw new PortException($"there is no folder {folder} for its socket: make it, and add the port again");
        return VhostUser(wanted, Path.Join(folder, wanted.Name));
    }

    private static string? ServerPath(WantedInterface wanted) => wanted.Options.GetValueOrDefault("vhost-server-path") is { Length: > 0 } path ? path : null;

    // What Open vSwitch grants to this type alone.
    private Vdev Client(WantedInterface wanted, string path) => VhostUser(wanted, path,
        ("client", "1"), ("iommu-support", Digit(settings.VhostIommu)), ("postcopy-support", Digit(settings.VhostPostcopy)));

    private Vdev VhostUser(WantedInterface wanted, string path, params ReadOnlySpan<(string Key, string Value)> more) => Vdev.Of(wanted.Name, Vhost,
        [("iface", path), ("queues", $"{DeviceOptions.MostQueuePairs}"), ("tso", Digit(settings.Segmentation)), .. more]);

    private static string Digit(bool on) => on ? "1" : "0";

    private static Vdev Attached(WantedInterface wanted)
    {
        if (wanted.Options.GetValueOrDefault("dpdk-devargs") is not { Length: > 0 } text)
            throw new PortException("options:dpdk-devargs is missing: a device as --vdev names it, an interface, or the PCI address of one");
        if (!PortDrivers.All.Any(driver => driver.NameIn(text) is not null))
            return Vdev.Parse(AttachedInterface.ToVdev(text, number: 0), PortDrivers.All).As(wanted.Name, wanted.Name);
        // By its own name the devices of a net_ring find each other.
        var device = Vdev.Parse(text, PortDrivers.All);
        return device.As(device.Name, wanted.Name);
    }

    private static Vdev Host(WantedInterface wanted, Packets.MacAddress? address)
    {
        List<(string, string)> arguments = [("iface", wanted.Name)];
        if (address is { } given) arguments.Add(("mac", given.ToString()));
        if (wanted.Mtu is { } mtu) arguments.Add(("mtu", $"{mtu}"));
        return Vdev.Of(wanted.Name, Tap, [.. arguments]);
    }

    private static Vdev Wire(WantedInterface wanted)
    {
        if (PeerOf(wanted) is not { } peer) throw new PortException("options:peer is missing: the interface of type patch at the other end");
        return peer == wanted.Name ? throw new PortException("options:peer is the interface itself") : Vdev.Of(wanted.Name, PatchEnd, (PatchDriver.Peer, peer));
    }

    /// <summary>The other end of a patch; null for an interface of another type, or where it is not said.</summary>
    /// <param name="wanted">The interface.</param>
    internal static string? PeerOf(WantedInterface wanted) =>
        wanted.Type == Patch && wanted.Options.GetValueOrDefault("peer") is { Length: > 0 } peer ? peer : null;

    // What is asked for and not built is said, whatever else works.
    private static string? Notice(WantedInterface wanted, PlannedInterface planned)
    {
        var idle = new List<string>();
        if (wanted.Mtu is not null && planned.Device?.Driver is not (TapDriver or VhostDriver)) idle.Add("mtu_request");
        idle.AddRange(wanted.Options.Keys.Where(key => !Takes(wanted.Type, key)).Select(key => $"options:{key}"));
        var notices = planned.Tuning.Faults.ToList();
        if (idle.Count > 0) notices.Add($"no effect, not built: {string.Join(", ", idle)}");
        return notices.Count == 0 ? null : string.Join("; ", notices);
    }

    private static bool Takes(string type, string option) => (type, option) is (VhostClient, "vhost-server-path")
        or (VhostServer or VhostClient, "tx-retries-max") or ("dpdk", "dpdk-devargs") or (Patch, "peer");
}
