using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Virtio;
using VhostSwitch.VirtioUser;
using static VhostSwitch.VirtioUser.DriverRings;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>
/// What a device shares with its back-end: memory with rings and buffers, made once; and its queues, made for what was negotiated. While a
/// back-end is being set up, one thread of the device's own has it; otherwise it belongs to the control thread.
/// </summary>
internal sealed class VirtioUserQueues : IDisposable
{
    private readonly VirtioUserArguments _arguments;
    private readonly CounterBlock[] _inputCounters;
    private readonly CounterBlock[] _outputCounters;
    private readonly DriverMemory _memory;

    // By ring.
    private readonly BufferPool[] _buffers;

    // By pair; empty until a back-end has been set up.
    private ReceiveQueue[] _receive = [];
    private TransmitQueue[] _transmit = [];

    /// <summary>Takes the memory.</summary>
    /// <param name="arguments">The device's arguments.</param>
    /// <param name="memory">Where it is taken from.</param>
    /// <param name="inputCounters">By pair: where inputs count.</param>
    /// <param name="outputCounters">By pair: where outputs count.</param>
    /// <exception cref="PortException">The user does not allow so much.</exception>
    /// <exception cref="LinuxException">There is no memory, or no descriptor left.</exception>
    public VirtioUserQueues(VirtioUserArguments arguments, FrameMemory memory, CounterBlock[] inputCounters, CounterBlock[] outputCounters)
    {
        _arguments = arguments;
        _inputCounters = inputCounters;
        _outputCounters = outputCounters;
        int pairs = arguments.Queues, size = arguments.QueueSize;
        _buffers = new BufferPool[RingsOfAPair * pairs];
        nuint length = LengthFor(pairs, size) + BufferPool.LengthFor(_buffers.Length * size, VirtioUserOptions.BufferUnit);
        var (file, mapping) = memory.TakeShared("virtio-user", length);
        _memory = new DriverMemory(file, mapping);
        try
        {
            Rings = new DriverRings(_memory, pairs, size);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
        for (int ring = 0; ring < _buffers.Length; ring++)
            _buffers[ring] = new BufferPool(_memory, size, VirtioUserOptions.BufferUnit);
    }

    /// <summary>The places of the rings.</summary>
    public DriverRings Rings { get; }

    /// <summary>What was negotiated.</summary>
    public Features Features { get; private set; }

    /// <summary>How many queue pairs are used.</summary>
    public int Pairs => Inputs.Length;

    /// <summary>The queues by which frames come from the back-end.</summary>
    public InputQueue[] Inputs { get; private set; } = [];

    /// <summary>The queues by which frames go to the back-end.</summary>
    public OutputQueue[] Outputs { get; private set; } = [];

    /// <summary>How the back-end broke the rules, in words; null while it has not.</summary>
    public string? Fault
    {
        get
        {
            for (int pair = 0; pair < _receive.Length; pair++)
            {
                if (_receive[pair].Fault is { } ofReceive) return $"receive queue {pair}: {ofReceive}";
                if (_transmit[pair].Fault is { } ofTransmit) return $"transmit queue {pair}: {ofTransmit}";
            }
            return null;
        }
    }

    /// <summary>
    /// Sets a new back-end up. No poll thread knows the queues, and no former back-end uses the rings. Where everything is as it was with the
    /// former one, split rings go on where it stood: what is in them is not lost. Rings that it broke are made anew, like packed ones.
    /// </summary>
    /// <param name="backEnd">The back-end.</param>
    /// <exception cref="VirtioUserException">It cannot be used, refused, or broke the protocol.</exception>
    public void Begin(IBackEnd backEnd)
    {
        var features = DriverOffloads.Consistent(_arguments.Features & (backEnd.Offered | Features.CtrlVq));
        if ((features & Features.Version1) == 0)
            throw new VirtioUserException("the back-end offers no VERSION_1: devices older than VIRTIO 1.0 are not supported");
        int pairs = (features & Features.Mq) != 0 ? Math.Clamp(backEnd.MaxPairs, 1, _arguments.Queues) : 1;
        Span<uint> positions = stackalloc uint[RingsOfAPair * pairs];
        if (features != Features || pairs != Pairs || !TryContinue(positions))
        {
            positions.Fill((features & Features.RingPacked) != 0 ? PackedStart : 0);
            Make(features, pairs);
        }
        backEnd.Negotiate(features, Rings, pairs);
        backEnd.Start(_memory, Rings, positions, enabled: 1);
        if (_arguments.ControlQueue) Control(new ControlQueue(backEnd, pairs), pairs);
        // Buffers were available before the rings ran; only a kick tells of them.
        for (int ring = 0; ring < positions.Length; ring++)
            EventFd.SignalPeer(Rings.Kicks[ring].Number);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Rings.Dispose();
        _memory.Dispose();
    }

    private static void Control(ControlQueue queue, int pairs)
    {
        queue.Execute(ControlQueue.ReceiveClass, ControlQueue.Promiscuous, 1);
        if (queue.Execute(ControlQueue.PairsClass, ControlQueue.SetPairs, (byte)pairs, (byte)(pairs >> 8)) != ControlQueue.Ok)
            throw new InvalidOperationException($"the control queue refused {pairs} queue pairs");
    }

    private bool TryContinue(Span<uint> positions)
    {
        for (int pair = 0; pair < Pairs; pair++)
        {
            if (!_receive[pair].TryContinue(out positions[(RingsOfAPair * pair) + ReceiveRing])) return false;
            if (!_transmit[pair].TryContinue(out positions[(RingsOfAPair * pair) + TransmitRing])) return false;
        }
        return true;
    }

    private void Make(Features features, int pairs)
    {
        Features = features;
        _receive = new ReceiveQueue[pairs];
        _transmit = new TransmitQueue[pairs];
        Inputs = new InputQueue[pairs];
        Outputs = new OutputQueue[pairs];
        for (int pair = 0; pair < pairs; pair++)
        {
            int receive = (RingsOfAPair * pair) + ReceiveRing, transmit = (RingsOfAPair * pair) + TransmitRing;
            if ((features & Features.RingPacked) != 0) MakePair(pair, Rings.MakePacked(receive, features), Rings.MakePacked(transmit, features));
            else MakePair(pair, Rings.MakeSplit(receive, features), Rings.MakeSplit(transmit, features));
        }
    }

    private void MakePair<TRing>(int pair, TRing receive, TRing transmit)
        where TRing : struct, IDriverRing
    {
        int from = (RingsOfAPair * pair) + ReceiveRing, to = (RingsOfAPair * pair) + TransmitRing;
        _receive[pair] = new ReceiveQueue<TRing>(receive, _buffers[from], Features, Rings.Kicks[from].Number);
        _transmit[pair] = new TransmitQueue<TRing>(transmit, _buffers[to], Features, Rings.Kicks[to].Number);
        Inputs[pair] = new VirtioUserInput(pair, _receive[pair], Rings.Calls[from].Number, Features, _inputCounters[pair]);
        Outputs[pair] = new VirtioUserOutput(pair, _transmit[pair], _arguments.QueueSize, Features, _outputCounters[pair]);
    }
}
