using VhostSwitch.Control.Configuration;
using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.Ports;
using VhostSwitch.Ports.NetAfPacket;
using VhostSwitch.Ports.NetAfXdp;
using VhostSwitch.Ports.NetTap;
using VhostSwitch.Ports.NetVhost;
using VhostSwitch.Ports.Patch;

namespace VhostSwitch.Program;

/// <summary>
/// How a device is, in the names that Open vSwitch has for it (<c>ovs-vswitchd.conf.db(5)</c>, table Interface). Lives on the control thread.
/// </summary>
internal sealed class InterfaceFactReader : IDisposable
{
    private static readonly MacAddress NoAddress = new(0);

    // The counters of a guest's port that have not been counted yet.
    private static readonly Dictionary<string, long> NothingOfAGuest = new()
    {
        ["ovs_rx_qos_drops"] = 0,
        ["ovs_tx_failure_drops"] = 0,
        ["ovs_tx_mtu_exceeded_drops"] = 0,
        ["ovs_tx_invalid_hwol_drops"] = 0,
        ["ovs_tx_retries"] = 0,
    };

    private readonly InterfaceControl _control = new();
    private readonly Ethtool _ethtool = new(new EthtoolSocket());

    /// <summary>How an interface is that waits for something before there is a device.</summary>
    /// <param name="reason">What it waits for.</param>
    public static InterfaceFacts Waiting(string reason) => new(IsAdminUp: true, HasLink: false, NoAddress, Mtu: 0, Index: 0,
        new Dictionary<string, string> { ["mode"] = "client", ["status"] = "disconnected", ["detail"] = reason }, NothingOfAGuest);

    /// <summary>How a device is.</summary>
    /// <param name="device">The device.</param>
    /// <param name="limit">The most bytes behind the Ethernet header that are sent by it; null for no such limit.</param>
    public InterfaceFacts Read(PortDevice device, int? limit)
    {
        var statistics = Statistics(device);
        bool hasLink = device.Status.StartsWith("up", StringComparison.Ordinal);
        if (device is VhostDevice vhost)
        {
            // Open vSwitch has no limit without a front-end either, and writes it so.
            int? mtu = vhost.FrontEnd is null ? 0 : limit;
            return new(IsAdminUp: true, hasLink, NoAddress, mtu, Index: 0, Status(vhost), statistics);
        }
        string driver = device.Vdev.Driver.Name;
        var status = new Dictionary<string, string> { ["detail"] = device.Status };
        if (device.Vdev.Driver is not PatchDriver) status["driver_name"] = driver;
        if (device.Vdev.Driver is not (TapDriver or AfPacketDriver or AfXdpDriver) || _control.StateOf(device.Endpoint) is not { } state)
            return new(hasLink, hasLink, device.Address, Mtu: null, Index: 0, status, statistics);
        if (_ethtool.DriverOf(device.Endpoint) is { } kernels)
        {
            status["driver_name"] = kernels.Name;
            status["driver_version"] = kernels.Version;
            status["firmware_version"] = kernels.Firmware;
            status["detail"] = $"{device.Status}, by {driver}";
        }
        var link = _ethtool.LinkOf(device.Endpoint);
        return new(state.IsUp, hasLink, device.Address, state.Mtu, state.Index, status, statistics)
        {
            LinkSpeed = link?.BitsPerSecond,
            IsFullDuplex = link?.IsFullDuplex,
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _control.Dispose();

    private static Dictionary<string, string> Status(VhostDevice vhost)
    {
        var status = new Dictionary<string, string> { ["mode"] = vhost.IsClient ? "client" : "server", ["detail"] = vhost.Status };
        status["status"] = vhost.FrontEnd is null ? "disconnected" : "connected";
        if (vhost.FrontEnd?.Device is not { } device) return status;
        status["socket"] = vhost.Endpoint;
        status["features"] = $"0x{(ulong)device.Features:x16}";
        status["num_of_vrings"] = $"{device.Rings.Count}";
        foreach (var ring in device.Rings)
            status[$"vring_{ring.Index}_size"] = $"{ring.Size}";
        status["n_rxq"] = $"{vhost.Port.Inputs.Length}";
        status["n_txq"] = $"{vhost.Port.Outputs.Length}";
        return status;
    }

    private static unsafe Dictionary<string, long> Statistics(PortDevice device)
    {
        // The rings of a guest come in pairs, whose numbers those of the queues are.
        int ringsPerQueue = device is VhostDevice ? 2 : 1;
        var all = new Dictionary<string, long>();
        foreach (string key in (ReadOnlySpan<string>)["rx_packets", "rx_bytes", "rx_dropped", "tx_packets", "tx_bytes", "tx_dropped"])
            all[key] = 0;
        foreach (var (queue, block) in device.InputCounters)
            Add("rx", queue / ringsPerQueue, *block.Counters);
        foreach (var (queue, block) in device.OutputCounters)
            Add("tx", queue / ringsPerQueue, *block.Counters);
        if (all.TryGetValue($"rx_{DropReasons.Name(DropReason.Policed)}_drops", out long policed) || device is VhostDevice) all["ovs_rx_qos_drops"] = policed;
        if (device is not VhostDevice) return all;
        // What Open vSwitch counts as failures is all that a guest did not take for any other reason.
        long tooLong = Dropped(DropReason.ExceedsMtu), unfit = Dropped(DropReason.OffloadUnsupported);
        all["ovs_tx_failure_drops"] = all["tx_dropped"] - tooLong - unfit;
        all["ovs_tx_mtu_exceeded_drops"] = tooLong;
        all["ovs_tx_invalid_hwol_drops"] = unfit;
        all["ovs_tx_retries"] = device.OutputCounters.Values.Sum(block => (long)block.Counters->Retries);
        return all;

        long Dropped(DropReason reason) => all.GetValueOrDefault($"tx_{DropReasons.Name(reason)}_drops");

        void Add(string direction, int queue, QueueCounters counters)
        {
            all[$"{direction}_packets"] += (long)counters.Frames;
            all[$"{direction}_bytes"] += (long)counters.Bytes;
            all[$"{direction}_q{queue}_good_packets"] = (long)counters.Frames;
            all[$"{direction}_q{queue}_good_bytes"] = (long)counters.Bytes;
            foreach (var reason in Enum.GetValues<DropReason>())
            {
                long drops = (long)counters.Drops(reason);
                if (drops == 0) continue;
                all[$"{direction}_dropped"] += drops;
                string key = $"{direction}_{DropReasons.Name(reason)}_drops";
                all[key] = all.GetValueOrDefault(key) + drops;
            }
        }
    }
}
