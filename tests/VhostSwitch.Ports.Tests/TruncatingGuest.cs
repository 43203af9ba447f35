using VhostSwitch.Linux;
using VhostSwitch.Packets;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.TestKit.Host;
using VhostSwitch.TestKit.Protocol;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Ports.Tests;

/// <summary>Where a memory file ends after it was truncated.</summary>
internal enum TruncatedTo
{
    Nothing,
    HalfTheBuffers,
    HalfTheRings,
}

/// <summary>
/// A guest whose rings never run dry: a thread of its own makes every buffer available again as soon as it was used, as fast as it can.
/// Then it makes its memory files shorter in the midst of that.
/// </summary>
internal sealed unsafe class TruncatingGuest : IDisposable
{
    private const uint BufferLength = 2048;
    private const int FrameLength = 1514;

    private readonly ScriptedGuest _device;
    private readonly FrontEndScript _script;
    private readonly MemoryMapping _rings;
    private readonly Thread _thread;
    private volatile bool _stop;

    /// <summary>Connects, has its address learned, and begins to send.</summary>
    /// <param name="path">The back-end's socket.</param>
    /// <param name="mac">The guest's address.</param>
    /// <param name="peer">Whom it sends to.</param>
    /// <param name="options">What it is made of.</param>
    public TruncatingGuest(string path, MacAddress mac, MacAddress peer, ScriptedGuestOptions options)
    {
        _device = new ScriptedGuest(options with { Sealed = false });
        for (int i = 0; i < options.RingSize; i++)
        {
            _device.Receive.Describe(i, _device.Memory.Allocate(BufferLength), BufferLength, Descriptor.Write);
            ulong buffer = _device.Memory.Allocate(BufferLength);
            _device.Transmit.Describe(i, buffer, (uint)(_device.HeaderLength + FrameLength));
            // The first one goes nowhere, so that the switch knows the address before anything would be flooded for it.
            _device.Memory.Write(buffer + (ulong)_device.HeaderLength, NumberedFrame.Make(i == 0 ? mac : peer, mac, (ulong)i, FrameLength));
            _device.Receive.SetAvailable(i, (ushort)i);
            _device.Transmit.SetAvailable(i, (ushort)i);
        }
        // The thread's own accesses are beyond the end as well.
        _rings = MemoryMapping.OfPeerFile(_device.Low.File, (nuint)(_device.Low.Length + (2 * GuestMemoryFile.GuardLength)));
        _script = FrontEndScript.Connect(path);
        FrontEndHandshake.Qemu(_script, _device);
        _device.Transmit.AvailableIndex = 1;
        _device.Kick(1);
        Until.True(() => _device.Transmit.UsedIndex == 1, "the first frame taken");
        _thread = new Thread(Run) { Name = "truncating", IsBackground = true };
        _thread.Start();
    }

    public void Truncate(TruncatedTo what)
    {
        const nint Guard = (nint)GuestMemoryFile.GuardLength;
        if (what == TruncatedTo.HalfTheRings)
        {
            // The first half is the receive ring's table of descriptors.
            SystemCalls.SetLength(_device.Low.File.Number, Guard + ((nint)_device.Low.Length / 2));
            return;
        }
        bool all = what == TruncatedTo.Nothing;
        SystemCalls.SetLength(_device.Adjoining.File.Number, all ? 0 : Guard + ((nint)_device.Adjoining.Length / 2));
        if (!all) return;
        SystemCalls.SetLength(_device.High.File.Number, 0);
        SystemCalls.SetLength(_device.Low.File.Number, 0);
    }

    public void Dispose()
    {
        _stop = true;
        _thread.Join();
        _script.Dispose();
        _rings.Dispose();
        _device.Dispose();
    }

    private void Run()
    {
        while (!_stop)
        {
            bool any = Offer(_device.Receive);
            if (Offer(_device.Transmit))
            {
                any = true;
                _device.Kick(1);
            }
            if (!any) Thread.Yield();
        }
    }

    private bool Offer(SplitRingWriter ring)
    {
        ushort* available = (ushort*)Own(ring.Place.Available + SplitLayout.IndexOffset);
        ushort next = (ushort)(RingOrder.AcquireIndex((ushort*)Own(ring.Place.Used + SplitLayout.IndexOffset)) + ring.Size);
        if (RingOrder.AcquireIndex(available) == next) return false;
        RingOrder.PublishIndex(available, next);
        return true;
    }

    private byte* Own(ulong guestAddress) => _rings.Address + GuestMemoryFile.GuardLength + (guestAddress - _device.Low.GuestAddress);
}
