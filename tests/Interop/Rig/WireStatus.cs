using System.Text.Json;

namespace VhostSwitch.Interop.Rig;

/// <summary>A port that is no guest's, as "vhost-switch ctl show --json" has it. In and out are the switch's.</summary>
internal sealed record WirePort(
    string Name, string Endpoint, string Status, IReadOnlyList<string> Offloads, IReadOnlyList<WireQueue> Inputs, IReadOnlyList<WireQueue> Outputs)
{
    public bool IsUp => Status.StartsWith("up", StringComparison.Ordinal);

    /// <summary>Frames that came in, by queue.</summary>
    public IReadOnlyList<long> FromWire => [.. Inputs.Select(queue => queue.Frames)];

    /// <summary>Frames that went out, by queue.</summary>
    public IReadOnlyList<long> ToWire => [.. Outputs.Select(queue => queue.Frames)];

    /// <summary>Every drop, as "direction queue reason: number".</summary>
    public IReadOnlyList<string> Drops => [.. DropsOf("from-wire", Inputs), .. DropsOf("to-wire", Outputs)];

    public long FramesIn => Inputs.Sum(queue => queue.Frames);

    public long BytesIn => Inputs.Sum(queue => queue.Bytes);

    public long FramesOut => Outputs.Sum(queue => queue.Frames);

    public long BytesOut => Outputs.Sum(queue => queue.Bytes);

    public long DropsIn(string reason) => Inputs.Sum(queue => queue.Drops.GetValueOrDefault(reason));

    public long DropsOut(string reason) => Outputs.Sum(queue => queue.Drops.GetValueOrDefault(reason));

    public override string ToString() =>
        $"{Name}: from wire {string.Join('+', FromWire)}, to wire {string.Join('+', ToWire)}, drops {string.Join(", ", Drops)}";

    private static IEnumerable<string> DropsOf(string direction, IEnumerable<WireQueue> queues) =>
        from queue in queues
        from drop in queue.Drops
        select $"{direction} {queue.Index} {drop.Key}: {drop.Value}";
}

/// <summary>One queue of a <see cref="WirePort"/>.</summary>
internal sealed record WireQueue(int Index, bool Enabled, int? PollThread, long Frames, long Bytes, IReadOnlyDictionary<string, long> Drops);

/// <summary>What of "ctl show --json" is about interfaces and poll threads.</summary>
internal static class WireStatus
{
    /// <summary>The port of a device, by its name on the command line.</summary>
    public static WirePort Wire(this SwitchStatus status, string device)
    {
        using var document = JsonDocument.Parse(status.Json);
        foreach (JsonElement port in document.RootElement.GetProperty("ports").EnumerateArray())
        {
            if (port.GetProperty("name").GetString() == device)
                return Read(port);
        }
        throw new RigException($"no port {device} in {status.Json}");
    }

    /// <summary>What each poll thread has allocated on the managed heap.</summary>
    public static IReadOnlyList<long> AllocatedBytes(this SwitchStatus status)
    {
        using var document = JsonDocument.Parse(status.Json);
        return [.. document.RootElement.GetProperty("poll_threads").EnumerateArray().Select(thread => thread.GetProperty("allocated_bytes").GetInt64())];
    }

    private static WirePort Read(JsonElement port)
    {
        JsonElement[] queues = [.. port.GetProperty("queues").EnumerateArray()];
        return new WirePort(
            port.GetProperty("name").GetString()!,
            port.GetProperty("endpoint").GetString()!,
            port.GetProperty("status").GetString()!,
            [.. port.GetProperty("features").EnumerateArray().Select(feature => feature.GetString()!)],
            [.. queues.Where(queue => queue.GetProperty("direction").GetString() == "from-wire").Select(ReadQueue)],
            [.. queues.Where(queue => queue.GetProperty("direction").GetString() == "to-wire").Select(ReadQueue)]);
    }

    private static WireQueue ReadQueue(JsonElement queue) => new(
        queue.GetProperty("index").GetInt32(),
        queue.GetProperty("enabled").GetBoolean(),
        queue.GetProperty("poll_thread") is { ValueKind: JsonValueKind.Number } thread ? thread.GetInt32() : null,
        queue.GetProperty("frames").GetInt64(),
        queue.GetProperty("bytes").GetInt64(),
        queue.GetProperty("drops").EnumerateObject().ToDictionary(drop => drop.Name, drop => drop.Value.GetInt64()));
}
