using System.Collections.Concurrent;
using VhostSwitch.Dataplane;
using VhostSwitch.Ports.NetVhost;
using VhostSwitch.Switching;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;

namespace VhostSwitch.TestKit.Host;

/// <summary>A whole switch in this process: control thread, poll threads, a learning bridge, and one socket for guests.</summary>
public sealed class SwitchUnderTest : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vhost-").FullName;
    private readonly ConcurrentQueue<string> _notes = new();
    private readonly LoopThread _control = new();
    private readonly MacTable _table = new();

    /// <summary>Starts the switch; its socket is there on return.</summary>
    /// <param name="offer">What devices are offered; everything that is built by default.</param>
    /// <param name="pollThreads">How many poll threads; kept on no core.</param>
    public SwitchUnderTest(DeviceOptions? offer = null, int pollThreads = 1)
    {
        DataPlane = new DataPlane([.. Enumerable.Repeat(-1, pollThreads)], new BridgeForwarder(_table), RetryPolicy.Default, IdlePolicy.Adaptive);
        SocketPath = Path.Combine(_folder, "s");
        Server = _control.Ask(() =>
        {
            var server = new VhostServer(_control.Loop, DataPlane, offer ?? Everything, GuestQueueFactory.Default);
            server.Noted += (where, text) => _notes.Enqueue($"{where}: {text}");
            server.Listen(SocketPath);
            return server;
        });
    }

    /// <summary>Every feature that is built.</summary>
    public static DeviceOptions Everything { get; } = new(
        DeviceOptions.BasicFeatures | DeviceOptions.ChecksumFeatures | DeviceOptions.SegmentationFeatures | Virtio.Features.MrgRxbuf,
        DeviceOptions.BasicProtocolFeatures,
        DeviceOptions.MostQueuePairs);

    /// <summary>The socket guests connect to.</summary>
    public string SocketPath { get; }

    /// <summary>The poll threads and ports.</summary>
    public DataPlane DataPlane { get; }

    /// <summary>The devices. To be used on the control thread, by <see cref="Ask"/>.</summary>
    public VhostServer Server { get; }

    /// <summary>The bridge's addresses.</summary>
    public MacTable Table => _table;

    /// <summary>What people would have read so far.</summary>
    public IReadOnlyCollection<string> Notes => _notes;

    /// <summary>What ended the control thread; null while it runs.</summary>
    public Exception? ControlFailure => _control.Failure;

    /// <summary>Asks something on the control thread.</summary>
    /// <typeparam name="T">What is asked for.</typeparam>
    /// <param name="question">The question.</param>
    public T Ask<T>(Func<SwitchUnderTest, T> question) => _control.Ask(() => question(this));

    /// <summary>The status line of a device's port; empty when there is no such device.</summary>
    /// <param name="device">The device's number.</param>
    public string StatusOf(int device) => Ask(s => s.Server.Connections.FirstOrDefault(c => c.Id == device)?.Owner.Status ?? "");

    /// <summary>How many devices there are.</summary>
    public int DeviceCount => Ask(s => s.Server.Connections.Count);

    /// <summary>A counter of a device's ring.</summary>
    /// <param name="device">The device's number.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="read">What is read of the counters.</param>
    public unsafe ulong Count(int device, int ring, Func<QueueCounters, ulong> read) => Ask(s =>
        s.Server.Connections.First(c => c.Id == device).Owner.Counters.TryGetValue(ring, out var block) ? read(*block.Counters) : 0);

    /// <summary>The frames a device's ring dropped for a reason.</summary>
    /// <param name="device">The device's number.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="reason">The reason.</param>
    public ulong Drops(int device, int ring, DropReason reason) => Count(device, ring, c => c.Drops(reason));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_control.Failure is null) _control.Do(Server.Dispose);
        _control.Dispose();
        DataPlane.Dispose();
        _table.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
