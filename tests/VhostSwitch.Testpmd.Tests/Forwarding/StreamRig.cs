using VhostSwitch.Dataplane;
using VhostSwitch.Packets;
using VhostSwitch.Testpmd.Forwarding;
using VhostSwitch.Testpmd.Modes;

namespace VhostSwitch.Testpmd.Tests.Forwarding;

/// <summary>One stream between two queues that the test has in hand, with no thread.</summary>
internal sealed class StreamRig : IDisposable
{
    public static readonly MacAddress Own = MacAddress.Parse("02:70:6d:64:00:01"), Peer = MacAddress.Parse("02:00:00:00:00:01");

    private readonly CounterBlock _inputCounters = new(), _outputCounters = new();
    private readonly Host _host = new();
    private readonly ListInput _input;

    public StreamRig(byte[][] frames, ChecksumSettings? checksums = null, OffloadFields offload = default, int splitAt = 0,
        OffloadKinds takes = OffloadKinds.None, int burst = 32, RetryPolicy retry = default, int freed = 0)
    {
        var rx = new Port("rx");
        var tx = new Port("tx");
        _host.Attach(rx);
        _host.Attach(tx);
        _input = new ListInput(_inputCounters, frames) { Offload = offload, SplitAt = splitAt };
        Output = new ListOutput(_outputCounters) { Kinds = takes, Freed = freed };
        _host.SetQueues(rx, [_input], []);
        _host.SetQueues(tx, [], [Output]);
        checksums ??= new ChecksumSettings();
        Stream = new FrameStream(new ForwardingPort(0, rx, MacAddress.Parse("02:70:6d:64:00:00"), TestPortPeer(0), checksums),
            new ForwardingPort(1, tx, Own, Peer, checksums), 0);
        Stream.FindQueues();
        Workspace = new Workspace(burst, retry, log: null);
    }

    public FrameStream Stream { get; }

    public Workspace Workspace { get; }

    public ListOutput Output { get; }

    public unsafe QueueCounters InputCounters => *_inputCounters.Counters;

    public unsafe QueueCounters OutputCounters => *_outputCounters.Counters;

    /// <summary>Has a mode work until there is nothing to do; every loan must be back.</summary>
    public List<byte[]> Run(ForwardMode mode)
    {
        while (mode.Turn(Stream, Workspace))
        {
        }
        Assert.Equal(0, _input.OnLoan);
        return Output.Frames;
    }

    public void Dispose()
    {
        Workspace.Dispose();
        Stream.Dispose();
        _input.Dispose();
        _inputCounters.Dispose();
        _outputCounters.Dispose();
    }

    private static MacAddress TestPortPeer(int id) => VhostSwitch.Testpmd.Ports.TestPort.DefaultPeer(id);

    private sealed class Host : PortHost
    {
        public override void WaitForThreads()
        {
        }

        protected override void QueuesChanged(InputQueue[] removed, InputQueue[] added)
        {
        }
    }
}
