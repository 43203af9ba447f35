using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Virtio;

namespace VhostSwitch.Fuzz;

/// <summary>Moves the frames of a device on the calling thread: what the guest sends, it gets back. Checks what must hold of every frame.</summary>
internal sealed unsafe class QueueOwner : IDeviceEvents, IDisposable
{
    private readonly Dictionary<int, Queue> _queues = [];
    private readonly CounterBlock _counters = new();
    private readonly Burst _burst = new();

    public void RingRunning(Device device, Vring ring)
    {
        Queue queue = ring.IsGuestReceive ? GuestQueueFactory.Default.Enqueue(device, ring, _counters) : GuestQueueFactory.Default.Dequeue(device, ring, _counters);
        if (!_queues.TryAdd(ring.Index, queue)) throw new FuzzFinding($"ring {ring.Index} was started twice");
    }

    public void RingStopping(Device device, Vring ring)
    {
        if (!_queues.Remove(ring.Index, out var queue)) throw new FuzzFinding($"ring {ring.Index} was stopped twice");
        device.RingStoppedAt(ring, ((IGuestQueue)queue).Base);
    }

    public void RingEnabledChanged(Device device, Vring ring)
    {
    }

    public void RingCallChanged(Device device, Vring ring) => ((IGuestQueue)_queues[ring.Index]).SetCall(ring.Call?.Number ?? -1);

    public void TranslationsChanged(Device device)
    {
    }

    public void Announce(Device device, ulong mac)
    {
        foreach (var announcer in _queues.Values.OfType<IAnnouncer>())
            announcer.Announce(mac);
    }

    /// <summary>One pass over every transmit ring: what comes goes to the receive ring of the same pair.</summary>
    /// <param name="device">The device.</param>
    public void Poll(Device device)
    {
        ushort* which = stackalloc ushort[Burst.MaxFrames];
        foreach (var (ring, queue) in _queues)
        {
            if (queue is not InputQueue input) continue;
            input.Receive(_burst);
            int count = 0;
            for (int i = 0; i < _burst.Count; i++)
            {
                ref var frame = ref _burst.Frames[i];
                if (frame.Output is >= Frame.Dropped and < Frame.Flood) continue;
                Check(device, ref frame);
                which[count++] = (ushort)i;
            }
            if (count > 0 && _queues.GetValueOrDefault(ring - 1) is OutputQueue output)
            {
                int delivered = 0;
                _ = output.Send(_burst, which, count);
                for (int i = 0; i < count; i++)
                    delivered += _burst.Frames[which[i]].Delivered ? 1 : 0;
                if (delivered > count) throw new FuzzFinding($"{delivered} of {count} frames were delivered");
                Notify(output);
            }
            if (_burst.Count > 0) input.Return(_burst);
            Notify(input);
        }
        foreach (var ring in device.Rings.ToArray())
        {
            if (_queues.TryGetValue(ring.Index, out var queue)) _ = GuestQueues.BreakIfFaulty(device, ring, (IGuestQueue)queue);
        }
        device.AskForTranslations();
        _ = device.Describe();
    }

    /// <summary>Asks for kicks and takes it back, as a thread does that was about to sleep.</summary>
    public void Sleep()
    {
        foreach (var input in _queues.Values.OfType<InputQueue>())
        {
            input.EnableKicks();
            RingOrder.FenceBeforeNotifyCheck();
            _ = input.HasFrames();
            input.DisableKicks();
        }
    }

    /// <summary>After the device is gone: no ring may run.</summary>
    public void MustBeIdle()
    {
        if (_queues.Count > 0) throw new FuzzFinding($"ring {_queues.Keys.First()} still runs without its device");
    }

    public void Dispose()
    {
        _burst.Dispose();
        _counters.Dispose();
    }

    private static void Notify(Queue queue)
    {
        if (!queue.NotificationOpen) return;
        RingOrder.FenceBeforeNotifyCheck();
        queue.DecideNotification();
    }

    private void Check(Device device, ref Frame frame)
    {
        ulong sum = frame.DataLength;
        MustBeTheGuests(device, frame.Data, frame.DataLength);
        for (int i = 0; i < frame.MoreSegments; i++)
        {
            var segment = _burst.Segments[frame.FirstSegment + i];
            MustBeTheGuests(device, segment.Data, segment.Length);
            sum += segment.Length;
        }
        if (sum != frame.Length) throw new FuzzFinding($"a frame of {frame.Length} bytes has segments of {sum}");
        if (frame.Length is 0 or > Packets.Ethernet.MaxFrameLength) throw new FuzzFinding($"a frame of {frame.Length} bytes was taken");
    }

    private void MustBeTheGuests(Device device, byte* data, uint length)
    {
        foreach (var region in device.Memory.Guest.Regions)
        {
            if ((nuint)data >= region.Host && (nuint)data + length <= region.Host + (nuint)region.Size) return;
        }
        if (data >= _burst.OwnFrame && data + length <= _burst.OwnFrame + Burst.OwnFrameLength) return;
        throw new FuzzFinding($"{length} bytes of a frame are not the guest's memory");
    }
}

/// <summary>A front-end that hears every question and answers none.</summary>
internal sealed class SilentChannel : IBackEndChannel
{
    public Action<ulong, IotlbAccess>? Concluded { get; set; }

    public bool AskForTranslation(ulong address, IotlbAccess access) => true;

    public void AskWhenReadable(int notes, Action ask)
    {
    }

    public void Dispose()
    {
    }
}
