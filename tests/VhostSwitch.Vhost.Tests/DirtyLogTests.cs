using VhostSwitch.Dataplane;
using VhostSwitch.Linux;
using VhostSwitch.TestKit.Guest;
using VhostSwitch.Vhost.Net;
using VhostSwitch.Vhost.Tests.Net;
using VhostSwitch.Virtio;
using static VhostSwitch.Virtio.Descriptor;

namespace VhostSwitch.Vhost.Tests;

/// <summary>
/// Whatever the device changes in the guest's memory is in the log of a migration: every byte of it is compared with what was
/// there before. And the log is written where it is, and nowhere else.
/// </summary>
public sealed unsafe class DirtyLogTests
{
    private const int RingSize = 16;
    private const ulong Memory = 64 * 4096;

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void EveryByteThatChangedLiesInAPageOfTheLog(bool packed, bool eventIndex)
    {
        using var rig = new Rig(packed, eventIndex, logBytes: 8 * 4);
        var random = new Random(packed ? 1 : 2);
        for (int round = 0; round < 300; round++)
        {
            // Wishes for kicks by themselves, which no used entry in the same page hides.
            rig.ForgetLog();
            byte[] idle = rig.Contents();
            if (round % 2 == 0) rig.EnableKicks();
            else rig.DisableKicks();
            foreach (int page in rig.ChangedPages(idle))
                Assert.True(rig.IsLogged(page), $"page {page} changed by a wish for kicks and is not in the log");
            rig.ForgetLog();
            // Buffers anywhere, so that they cross pages, and chains of them.
            byte[][] frames = [.. Enumerable.Range(0, random.Next(1, 4)).Select(i => PackedRig.Frame((ulong)(round + i), random.Next(20, 3000)))];
            rig.OfferBuffers(random, frames.Length);
            rig.OfferFrames(random.Next(1, 4));
            byte[] offered = rig.Contents();
            rig.Send(frames);
            rig.Receive();
            foreach (int page in rig.ChangedPages(offered))
                Assert.True(rig.IsLogged(page), $"page {page} changed in round {round} and is not in the log");
            rig.TakeBack();
        }
        Assert.True(rig.LogGuardIsIntact);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 3)]
    [InlineData(true, 3)]
    public void ALogThatIsTooSmallIsWrittenToItsEndAndNoFurther(bool packed, int bytes)
    {
        using var rig = new Rig(packed, eventIndex: false, (ulong)bytes);
        var random = new Random(3);
        for (int round = 0; round < 100; round++)
        {
            rig.OfferBuffers(random, 1);
            rig.OfferFrames(1);
            rig.Send(PackedRig.Frame(1, 2000));
            rig.Receive();
            rig.TakeBack();
        }
        Assert.True(rig.LogGuardIsIntact);
        Assert.True(rig.AnythingIsLogged);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LoggingIsSwitchedOnAndOffWhileRingsRun(bool packed)
    {
        using var rig = new Rig(packed, eventIndex: false, logBytes: 8 * 4);
        var random = new Random(4);
        for (int round = 0; round < 20; round++)
        {
            bool on = round % 2 == 1;
            rig.Log(on);
            rig.ForgetLog();
            rig.OfferBuffers(random, 1);
            rig.OfferFrames(1);
            byte[] offered = rig.Contents();
            rig.Send(PackedRig.Frame((ulong)round, 500));
            rig.Receive();
            Assert.Equal(on, rig.AnythingIsLogged);
            foreach (int page in rig.ChangedPages(offered))
                Assert.Equal(on, rig.IsLogged(page));
            rig.TakeBack();
        }
    }

    // A device with a log, one ring in each direction, and a driver for both.
    private sealed class Rig : IDeviceEvents, IDisposable
    {
        private readonly GuestMemoryMap _memory = new("dirty-log");
        private readonly GuestMemoryMap _frames = new("frames");
        private readonly GuestMemoryFile _log;
        private readonly ulong _logBytes;
        private readonly Device _device;
        private readonly Features _features;
        private readonly CounterBlock _counters = new();
        private readonly Burst _burst = new();
        private readonly ulong _buffers;
        private readonly SplitRingWriter[] _split = [];
        private readonly PackedDriverModel[] _packed = [];
        private InputQueue? _input;
        private OutputQueue? _output;
        private ushort _nextId;

        public Rig(bool packed, bool eventIndex, ulong logBytes)
        {
            _logBytes = logBytes;
            _memory.Add(0, Memory);
            _frames.Add(0, 65536);
            // The log ends where its file's guard begins.
            _log = new GuestMemoryFile("log", 0, 4096, 0);
            _features = Features.Version1 | Features.LogAll | (packed ? Features.RingPacked : 0) | (eventIndex ? Features.EventIdx : 0);
            _device = new Device(0, new DeviceOptions(_features | Features.ProtocolFeatures, DeviceOptions.BasicProtocolFeatures, 1), this);
            _device.SetFeatures(_features);
            _device.SetMemory(MemoryTable.Map(_memory.Descriptions, [.. _memory.Files.Select(f => f.File)]));
            var log = DirtyLog.Map(_log.File, GuestMemoryFile.GuardLength + (ulong)LogStart, logBytes);
            _device.SetLog(log);
            for (uint ring = 0; ring < 2; ring++)
            {
                // Each part in a page of its own: a bit that is set for another part hides nothing.
                VringAddresses addresses;
                if (packed)
                {
                    _memory.Allocate(4096, 4096);
                    _packed = [.. _packed, new PackedDriverModel(_memory, RingSize)];
                    var made = _packed[ring];
                    addresses = new(Front(made.RingAddress), Front(made.DriverEventAddress), Front(made.DeviceEventAddress), 0);
                }
                else
                {
                    ulong descriptors = _memory.Allocate(16 * RingSize, 4096);
                    var place = new SplitRingPlace(RingSize, descriptors, _memory.Allocate(64, 4096), _memory.Allocate(256, 4096));
                    _split = [.. _split, new SplitRingWriter(_memory, place)];
                    addresses = place.FrontEndAddresses with { UsedLog = place.Used };
                }
                _device.SetRingSize(ring, RingSize);
                _device.SetRingBase(ring, packed ? 0x8000u : 0);
                _device.SetRingAddresses(ring, addresses);
                _device.SetRingKick(ring, null);
            }
            _buffers = _memory.Allocate(0, 4096);
        }

        // The bytes before the log, those behind its end up to the file's, and the guard behind that.
        public bool LogGuardIsIntact => _log.GuardsAreIntact
            && new ReadOnlySpan<byte>(_log.Host, LogStart).IndexOfAnyExcept((byte)0) < 0
            && new ReadOnlySpan<byte>(_log.Host + LogStart + _logBytes, 4096 - LogStart - (int)_logBytes).IndexOfAnyExcept((byte)0) < 0;

        public bool AnythingIsLogged => new ReadOnlySpan<byte>(_log.Host, 4096).IndexOfAnyExcept((byte)0) >= 0;

        // Bits are set by the word.
        private int LogStart => 4096 - (int)((_logBytes + 7) & ~7ul);

        public void Log(bool on) => _device.SetFeatures(on ? _features : _features & ~Features.LogAll);

        public void ForgetLog() => new Span<byte>(_log.Host, 4096).Clear();

        public byte[] Contents() => new ReadOnlySpan<byte>(_memory.At(0), (int)Memory).ToArray();

        public bool IsLogged(int page) => (_log.Host[LogStart + (page / 8)] & (1 << (page % 8))) != 0;

        public IEnumerable<int> ChangedPages(byte[] before)
        {
            byte[] after = Contents();
            return Enumerable.Range(0, (int)Memory / 4096).Where(p => !after.AsSpan(p * 4096, 4096).SequenceEqual(before.AsSpan(p * 4096, 4096)));
        }

        public void OfferBuffers(Random random, int count)
        {
            for (int i = 0; i < count; i++)
            {
                // Of two descriptors, the header's end somewhere in the second or the first.
                ulong at = _buffers + (ulong)random.Next((int)(Memory - _buffers - 4096));
                uint first = (uint)random.Next(1, 100);
                if (_packed.Length > 0) _packed[0].OfferChain(_nextId++, new(at, first, Write), new(at + first, 4000 - first, Write));
                else
                {
                    int head = _split[0].AvailableIndex * 2 % RingSize;
                    _split[0].DescribeChain(head, Write, (at, first), (at + first, 4000 - first));
                    _split[0].Offer((ushort)head);
                }
            }
        }

        public void Send(params byte[][] frames)
        {
            _burst.Count = 0;
            ulong at = 0;
            foreach (byte[] frame in frames)
            {
                _frames.Write(at, frame);
                Loan.Add(_burst, default, ((nuint)_frames.At(at), (uint)frame.Length));
                at += 4096;
            }
            var which = stackalloc ushort[] { 0, 1, 2, 3 };
            Assert.Equal(frames.Length, _output!.Send(_burst, which, frames.Length));
            Assert.True(_burst.Frames[0].Delivered);
        }

        public void OfferFrames(int count)
        {
            for (ushort i = 0; i < count; i++)
            {
                if (_packed.Length > 0) _packed[1].Offer(_nextId++, _buffers, 72);
                else
                {
                    _split[1].Describe(i, _buffers, 72);
                    _split[1].Offer(i);
                }
            }
        }

        public void Receive()
        {
            _input!.Receive(_burst);
            Assert.NotEqual(0, _burst.Count);
            _input.Return(_burst);
        }

        public void EnableKicks() => _input!.EnableKicks();

        public void DisableKicks() => _input!.DisableKicks();

        public void TakeBack()
        {
            foreach (var ring in _packed)
            {
                while (ring.TryTake(out _).Length > 0)
                    continue;
            }
        }

        public void RingRunning(Device device, Vring ring)
        {
            if (ring.IsGuestReceive) _output = GuestQueueFactory.Default.Enqueue(device, ring, _counters);
            else _input = GuestQueueFactory.Default.Dequeue(device, ring, _counters);
        }

        public void RingStopping(Device device, Vring ring)
        {
            var queue = ring.IsGuestReceive ? (IGuestQueue?)_output : (IGuestQueue?)_input;
            device.RingStoppedAt(ring, queue!.Base);
        }

        public void RingEnabledChanged(Device device, Vring ring)
        {
            // Nothing here depends on it.
        }

        public void RingCallChanged(Device device, Vring ring)
        {
            // Nobody is called.
        }

        public void TranslationsChanged(Device device)
        {
            // There is no IOMMU.
        }

        public void Announce(Device device, ulong mac)
        {
            // Nobody moves.
        }

        public void Dispose()
        {
            _device.Dispose();
            Assert.True(_memory.GuardsAreIntact);
            _memory.Dispose();
            _frames.Dispose();
            _log.Dispose();
            _counters.Dispose();
            _burst.Dispose();
        }

        private static ulong Front(ulong address) => GuestMemoryMap.FrontEndAddress(address);
    }
}
