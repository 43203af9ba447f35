using System.Text.Json;

namespace VhostSwitch.Interop.Rig;

/// <summary>What "vhost-switch ctl show --json" says. The only place of the tests that knows the names in that document.</summary>
internal sealed record SwitchStatus(string Mode, IReadOnlyList<SwitchStatus.Port> Ports, IReadOnlyList<SwitchStatus.Address> Addresses, string Json)
{
    /// <summary>The one reason for a drop that is nobody's fault: the guest does not take its frames fast enough.</summary>
    public const string ReceiverFull = "receiver_full";

    /// <summary>Who sorts the uplink's frames into pools, and why; null where there are none.</summary>
    public string? Steering { get; private init; }

    /// <param name="Endpoint">The path of the socket.</param>
    /// <param name="MemoryBytes">What of the guest's memory the switch has mapped.</param>
    internal sealed record Port(
        string Name, string Endpoint, string Status, IReadOnlyList<string> Features, int MemoryRegions, long MemoryBytes, IReadOnlyList<Queue> Queues)
    {
        public bool IsUp => Status.StartsWith("up", StringComparison.Ordinal);

        public long FramesToGuest => Queues.Where(queue => queue.IsToGuest).Sum(queue => queue.Frames);

        public long FramesFromGuest => Queues.Where(queue => !queue.IsToGuest).Sum(queue => queue.Frames);

        public long BytesFromGuest => Queues.Where(queue => !queue.IsToGuest).Sum(queue => queue.Bytes);
    }

    internal sealed record Queue(int Index, bool IsToGuest, int Size, bool Enabled, long Frames, long Bytes, IReadOnlyDictionary<string, long> Drops);

    internal sealed record Address(string Mac, int Vlan, string Port);

    public static SwitchStatus Read(JsonDocument document)
    {
        JsonElement root = document.RootElement;
        return new SwitchStatus(
            root.GetProperty("mode").GetString()!,
            [.. root.GetProperty("ports").EnumerateArray().Select(ReadPort)],
            [.. root.GetProperty("mac_table").EnumerateArray().Select(ReadAddress)],
            root.GetRawText())
        {
            Steering = root.GetProperty("steering") is { ValueKind: JsonValueKind.Object } steering
                ? $"{steering.GetProperty("by").GetString()} ({steering.GetProperty("reason").GetString()})"
                : null,
        };
    }

    /// <summary>The first port at a socket; several guests may be connected to one.</summary>
    public Port PortAt(string socket) =>
        Ports.FirstOrDefault(port => port.Endpoint == socket) ?? throw new RigException($"no port at {socket} in {Json}");

    /// <summary>Every drop of every queue, as "port queue reason: number".</summary>
    public IEnumerable<string> Drops() =>
        from port in Ports
        from queue in port.Queues
        from drop in queue.Drops
        where drop.Value != 0
        select $"{port.Name} queue {queue.Index} {drop.Key}: {drop.Value}";

    public override string ToString() => Json;

    private static Port ReadPort(JsonElement port) => new(
        port.GetProperty("name").GetString()!,
        port.GetProperty("endpoint").GetString()!,
        port.GetProperty("status").GetString()!,
        [.. port.GetProperty("features").EnumerateArray().Select(feature => feature.GetString()!)],
        port.GetProperty("memory_regions").GetInt32(),
        port.GetProperty("memory_bytes").GetInt64(),
        [.. port.GetProperty("queues").EnumerateArray().Select(ReadQueue)]);

    private static Queue ReadQueue(JsonElement queue) => new(
        queue.GetProperty("index").GetInt32(),
        queue.GetProperty("direction").GetString() == "to-guest",
        queue.GetProperty("size").GetInt32(),
        queue.GetProperty("enabled").GetBoolean(),
        queue.GetProperty("frames").GetInt64(),
        queue.GetProperty("bytes").GetInt64(),
        queue.GetProperty("drops").EnumerateObject().ToDictionary(drop => drop.Name, drop => drop.Value.GetInt64()));

    private static Address ReadAddress(JsonElement address) => new(
        address.GetProperty("mac").GetString()!,
        address.GetProperty("vlan").GetInt32(),
        address.GetProperty("port").GetString()!);
}
