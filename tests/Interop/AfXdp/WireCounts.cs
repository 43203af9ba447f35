using System.Text.Json;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Interop.AfXdp;

/// <summary>The counters of a port on an interface, from what "ctl show --json" says.</summary>
/// <param name="FromWire">Frames that came in, by queue.</param>
/// <param name="ToWire">Frames that went out, by queue.</param>
/// <param name="Drops">Every drop, as "direction queue reason: number".</param>
internal sealed record WireCounts(IReadOnlyList<long> FromWire, IReadOnlyList<long> ToWire, IReadOnlyList<string> Drops)
{
    public static WireCounts Of(SwitchStatus status, string port)
    {
        using var document = JsonDocument.Parse(status.Json);
        var queues = document.RootElement.GetProperty("ports").EnumerateArray().Single(p => p.GetProperty("name").GetString() == port)
            .GetProperty("queues").EnumerateArray().ToList();
        return new(
            [.. Frames("from-wire")],
            [.. Frames("to-wire")],
            [.. from queue in queues
                from drop in queue.GetProperty("drops").EnumerateObject()
                select $"{queue.GetProperty("direction").GetString()} {queue.GetProperty("index").GetInt32()} {drop.Name}: {drop.Value.GetInt64()}"]);

        IEnumerable<long> Frames(string direction) => from queue in queues
                                                      where queue.GetProperty("direction").GetString() == direction
                                                      orderby queue.GetProperty("index").GetInt32()
                                                      select queue.GetProperty("frames").GetInt64();
    }

    /// <summary>What all poll threads have allocated since they began to poll.</summary>
    public static long AllocatedBytes(SwitchStatus status)
    {
        using var document = JsonDocument.Parse(status.Json);
        return document.RootElement.GetProperty("poll_threads").EnumerateArray().Sum(t => t.GetProperty("allocated_bytes").GetInt64());
    }

    public override string ToString() =>
        $"from wire {string.Join('+', FromWire)}, to wire {string.Join('+', ToWire)}, drops {string.Join(", ", Drops)}";
}
