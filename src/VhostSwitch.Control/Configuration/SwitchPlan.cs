using VhostSwitch.Ports;

namespace VhostSwitch.Control.Configuration;

/// <summary>An interface that is wanted, and what it takes to make it.</summary>
/// <param name="Wanted">What is wanted.</param>
/// <param name="Bridge">The bridge that it belongs to, by name.</param>
public sealed record PlannedInterface(WantedInterface Wanted, string Bridge)
{
    /// <summary>The device that makes it; null where it is refused, or waits.</summary>
    public Vdev? Device { get; init; }

    /// <summary>Why it is refused; null where it is not.</summary>
    public string? Refusal { get; init; }

    /// <summary>What it waits for before there can be a device; null where it does not.</summary>
    public string? Waiting { get; init; }

    /// <summary>What was asked for and has no effect; null where everything has.</summary>
    public string? Notice { get; init; }

    /// <summary>What can be changed about it while its frames flow.</summary>
    public PortTuning Tuning { get; } = PortTuning.Of(Wanted);

    /// <summary>True for the interface by which the host itself takes part in the bridge.</summary>
    public bool IsLocal => Wanted.Name == Bridge;
}

/// <summary>What a <see cref="WantedSwitch"/> comes to: a device for each interface, or the sentence that refuses it.</summary>
/// <param name="Bridges">What people should know of each bridge, by subject; empty where all is as it was asked for.</param>
/// <param name="Interfaces">The interfaces, those of a bridge together.</param>
public sealed record SwitchPlan(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Bridges, IReadOnlyList<PlannedInterface> Interfaces)
{
    /// <summary>The subject under which a bridge says why it does not switch.</summary>
    public const string Error = "error";

    /// <summary>Decides.</summary>
    /// <param name="wanted">What is wanted.</param>
    /// <param name="settings">The settings that count, which are those of the first configuration.</param>
    /// <param name="runFolder">The folder that sockets are made in.</param>
    /// <param name="current">The bridge that switches now; null where none does.</param>
    public static SwitchPlan Of(WantedSwitch wanted, SwitchSettings settings, string runFolder, string? current)
    {
        var types = new InterfaceTypes(settings, runFolder);
        string? only = wanted.Bridges.Any(bridge => bridge.Name == current) ? current
            : wanted.Bridges.FirstOrDefault(bridge => Refusal(bridge) is null)?.Name;
        var bridges = new Dictionary<string, IReadOnlyDictionary<string, string>>();
        var interfaces = new List<PlannedInterface>();
        var devices = new Dictionary<string, string>();
        var names = new HashSet<string>();
        foreach (var bridge in wanted.Bridges)
        {
            string? refusal = Refusal(bridge)
                ?? (bridge.Name == only ? null : $"several bridges are not built yet, and {only} is one: add its ports there");
            var status = Notes(bridge);
            if (refusal is not null) status.Add(Error, refusal);
            bridges.Add(bridge.Name, status);
            foreach (var port in bridge.Ports)
            {
                string? refused = refusal ?? Refusal(port);
                // An interface that two ports name is that of the first.
                foreach (var wish in port.Interfaces.Where(wish => names.Add(wish.Name)))
                {
                    var planned = refused is null ? types.Plan(wish, bridge) : new PlannedInterface(wish, bridge.Name) { Refusal = refused };
                    if (planned.Device is { } device && !devices.TryAdd(device.Name, wish.Name))
                    {
                        string reason = $"the device {device.Name} is that of {devices[device.Name]}: give it another number";
                        planned = planned with { Device = null, Refusal = reason };
                    }
                    interfaces.Add(planned);
                }
            }
        }
        return new SwitchPlan(bridges, interfaces);
    }

    private static string? Refusal(WantedBridge bridge)
    {
        if (bridge.DatapathType != "netdev")
        {
            string given = bridge.DatapathType.Length == 0 ? "is not set, which means the kernel's switch" : $"is {bridge.DatapathType}";
            return $"datapath_type {given}; this switch is none of the kernel's: ovs-vsctl set bridge {bridge.Name} datapath_type=netdev";
        }
        return bridge.FailMode == "secure"
            ? "fail_mode is secure, so that only flows of an OpenFlow controller may pass, and OpenFlow is not built: "
                + $"ovs-vsctl set-fail-mode {bridge.Name} standalone"
            : null;
    }

    private static string? Refusal(WantedPort port)
    {
        if (port.Interfaces.Count > 1) return "bonds are not built yet: give each interface a port of its own";
        if (port.Tag is not null || port.Trunks.Count > 0 || port.VlanMode is not null || port.CustomerVlans.Count > 0)
            return $"tag, trunks, vlan_mode and cvlans are not built yet: ovs-vsctl clear port {port.Name} tag trunks vlan_mode cvlans";
        return port.IsProtected ? $"protected ports are not built yet: ovs-vsctl set port {port.Name} protected=false" : null;
    }

    private static Dictionary<string, string> Notes(WantedBridge bridge)
    {
        var notes = new Dictionary<string, string>();
        if (bridge.HasController) notes.Add("controller", "no effect: OpenFlow is not built, the bridge learns addresses and switches by itself");
        if (bridge.Mirrors.Count > 0) notes.Add("mirrors", "no effect: mirrors are not built yet");
        if (bridge.FloodVlans.Count > 0) notes.Add("flood_vlans", "no effect: it is not built yet");
        return notes;
    }
}
