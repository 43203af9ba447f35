using VhostSwitch.Linux;
using VhostSwitch.Vhost.Inflight;
using VhostSwitch.Virtio;
using VhostSwitch.Virtio.Packed;
using VhostSwitch.Virtio.Split;

namespace VhostSwitch.Vhost;

/// <summary>
/// One virtio network device as its front-end has set it up: the requests of vhost, whatever transport they came by. The
/// control thread alone calls it.
/// </summary>
/// <remarks>
/// After every request that may matter, <see cref="Reconsider"/> compares which rings could run with which do, and tells the
/// owner. So no order of requests is special: enable before features, addresses before memory, and a repeated handshake for
/// each queue pair all come out right.
/// </remarks>
public sealed class Device : IDisposable
{
    /// <summary>Virtio status: the driver is set up and ready.</summary>
    public const byte StatusDriverOk = 4;

    /// <summary>Virtio status: the features are agreed.</summary>
    public const byte StatusFeaturesOk = 8;

    private readonly DeviceOptions _options;
    private readonly IDeviceEvents _events;
    private readonly SortedDictionary<int, Vring> _rings = [];
    private IBackEndChannel? _backEnd;
    private InflightArea? _inflight;
    private UserFault? _faults;
    private MemoryTable? _offered;
    private bool _featuresRefused;

    /// <summary>Makes a device without memory and rings.</summary>
    /// <param name="id">The device's number, from 0.</param>
    /// <param name="options">What it offers.</param>
    /// <param name="events">Who is told of its rings.</param>
    public Device(int id, DeviceOptions options, IDeviceEvents events)
    {
        Id = id;
        _options = options;
        _events = events;
    }

    /// <summary>The device's number, from 0.</summary>
    public int Id { get; }

    /// <summary>The negotiated virtio features.</summary>
    public Features Features { get; private set; }

    /// <summary>True where the rings are packed ones.</summary>
    public bool IsPacked => (Features & Features.RingPacked) != 0;

    /// <summary>True once SET_FEATURES was accepted.</summary>
    public bool FeaturesSet { get; private set; }

    /// <summary>The negotiated protocol features.</summary>
    public ProtocolFeatures ProtocolFeatures { get; private set; }

    /// <summary>The virtio status byte; 0 where the front-end does not tell.</summary>
    public byte Status { get; private set; }

    /// <summary>The MTU the front-end set; 0 where it did not.</summary>
    public int Mtu { get; private set; }

    /// <summary>The memory.</summary>
    public MemoryTable Memory { get; private set; } = MemoryTable.Empty;

    /// <summary>What is known of the guest's IOMMU; null before the front-end can be asked.</summary>
    public Iotlb? Iotlb { get; private set; }

    /// <summary>True where addresses are those of an IOMMU.</summary>
    public bool HasIommu => (Features & Features.AccessPlatform) != 0;

    /// <summary>The log of a live migration; null before SET_LOG_BASE.</summary>
    public DirtyLog? Log { get; private set; }

    /// <summary>True once a file that the front-end shares was truncated while it was mapped: what was there reads as zeros, and the session is to end.</summary>
    public bool LostMemory => Memory.Faulted || Log is { Faulted: true } || _inflight is { Faulted: true };

    /// <summary>The rings the front-end has spoken of, by number.</summary>
    public IReadOnlyCollection<Vring> Rings => _rings.Values;

    /// <summary>GET_FEATURES.</summary>
    public Features OfferedFeatures => _options.Features;

    /// <summary>GET_PROTOCOL_FEATURES.</summary>
    public ProtocolFeatures OfferedProtocolFeatures => _options.ProtocolFeatures;

    /// <summary>GET_QUEUE_NUM: the most queue pairs.</summary>
    public int MaxQueuePairs => _options.MaxQueuePairs;

    /// <summary>SET_FEATURES.</summary>
    /// <param name="features">The features the driver takes.</param>
    /// <exception cref="VhostException">A feature was not offered, or rings run with other features.</exception>
    public void SetFeatures(Features features)
    {
        var unknown = features & ~_options.Features;
        _featuresRefused = unknown != 0;
        if (unknown != 0) throw new VhostException($"SET_FEATURES with {string.Join(", ", FeatureNames.Of(unknown))}, which was not offered");
        if (((features ^ Features) & ~Features.LogAll) != 0 && _rings.Values.Any(r => r.Running))
            throw new VhostException($"SET_FEATURES 0x{(ulong)features:x} while rings run with 0x{(ulong)Features:x}");
        // Logging alone is switched on and off while rings run: they pause.
        if (features != Features) PauseRings();
        Features = features;
        FeaturesSet = true;
        if ((features & Features.ProtocolFeatures) == 0)
        {
            // Without protocol features there is no SET_VRING_ENABLE, and rings are enabled at once.
            foreach (var ring in _rings.Values)
                SetEnabled(ring, true);
        }
        _events.FeaturesChanged(this);
        Reconsider();
    }

    /// <summary>SET_PROTOCOL_FEATURES.</summary>
    /// <param name="features">The protocol features the front-end takes.</param>
    /// <exception cref="VhostException">A feature was not offered.</exception>
    public void SetProtocolFeatures(ProtocolFeatures features)
    {
        var unknown = features & ~_options.ProtocolFeatures;
        if (unknown != 0) throw new VhostException($"SET_PROTOCOL_FEATURES with bits 0x{(ulong)unknown:x}, which were not offered");
        ProtocolFeatures = features;
    }

    /// <summary>SET_MEM_TABLE, ADD_MEM_REG or REM_MEM_REG: takes over a table. Rings stop while it is exchanged.</summary>
    /// <param name="memory">The new table, which the device owns from now on.</param>
    public void SetMemory(MemoryTable memory)
    {
        PauseRings();
        var old = Memory;
        Memory = memory;
        old.Dispose();
        Iotlb?.Clear();
        Reconsider();
    }

    /// <summary>SET_BACKEND_REQ_FD: the front-end can be asked from now on.</summary>
    /// <param name="channel">How; belongs to the device from now on.</param>
    public void SetBackEnd(IBackEndChannel channel)
    {
        _backEnd?.Dispose();
        _backEnd = channel;
        Iotlb ??= new Iotlb();
        channel.Concluded = Iotlb.Conclude;
        channel.AskWhenReadable(Iotlb.Notes.Number, AskForTranslations);
    }

    /// <summary>Asks the front-end for the translations that queues miss. Call it from time to time as well, for those that were not answered.</summary>
    public void AskForTranslations()
    {
        if (_backEnd is { } backEnd) Iotlb?.AskForMisses(backEnd.AskForTranslation);
    }

    /// <summary>IOTLB_MSG, update: a translation of the guest's IOMMU.</summary>
    /// <param name="address">The first address as the device names it.</param>
    /// <param name="length">The length in bytes.</param>
    /// <param name="frontEndAddress">Where the front-end has it.</param>
    /// <param name="access">What the device may do.</param>
    /// <exception cref="VhostException">The front-end cannot be asked, or the range is not the guest's memory.</exception>
    public unsafe void UpdateIotlb(ulong address, ulong length, ulong frontEndAddress, IotlbAccess access)
    {
        if (Iotlb is not { } iotlb) throw new VhostException("IOTLB_MSG before SET_BACKEND_REQ_FD");
        if (length == 0 || ulong.MaxValue - address < length - 1) throw new VhostException($"IOTLB_MSG of {length} bytes at 0x{address:x}: impossible");
        byte* host = Memory.Guest.TranslateFrontEnd(frontEndAddress, length);
        if (host == null) throw new VhostException($"IOTLB_MSG for 0x{address:x}: {length} bytes at front-end address 0x{frontEndAddress:x} are not the guest's memory");
        iotlb.Update(address, length, host, access & (IotlbAccess.Read | IotlbAccess.Write));
        foreach (var ring in RingsIn(address, length))
        {
            if (!TryTranslate(ring, out var parts) || parts.Descriptors != ring.Parts.Descriptors || parts.Available != ring.Parts.Available || parts.Used != ring.Parts.Used)
                StopRunning(ring);
        }
        Reconsider();
    }

    /// <summary>IOTLB_MSG, invalidate. On return nobody uses the translations any more; rings in the range stop until they are translated anew.</summary>
    /// <param name="address">The first address.</param>
    /// <param name="length">The length in bytes.</param>
    /// <exception cref="VhostException">The front-end cannot be asked for others.</exception>
    public void InvalidateIotlb(ulong address, ulong length)
    {
        if (Iotlb is not { } iotlb) throw new VhostException("IOTLB_MSG before SET_BACKEND_REQ_FD");
        iotlb.Invalidate(address, length);
        foreach (var ring in RingsIn(address, length))
            StopRunning(ring);
        _events.TranslationsChanged(this);
        Reconsider();
    }

    /// <summary>True from POSTCOPY_LISTEN to POSTCOPY_END: memory that comes is filled later.</summary>
    public bool ListensForPostcopy { get; private set; }

    /// <summary>True while a memory table waits for the front-end to say that it can answer faults.</summary>
    public bool AwaitsConfirmation => _offered is not null;

    /// <summary>POSTCOPY_ADVISE: opens the descriptor by which the front-end hears of our page faults.</summary>
    /// <returns>The descriptor's number; it stays the device's.</returns>
    /// <exception cref="VhostException">The host does not allow it.</exception>
    public int AdvisePostcopy()
    {
        try
        {
            _faults?.Dispose();
            _faults = UserFault.Open();
            return _faults.Number;
        }
        catch (LinuxException e)
        {
            throw new VhostException($"postcopy is not possible here ({e.Message}): run as root or set vm.unprivileged_userfaultfd");
        }
    }

    /// <summary>POSTCOPY_LISTEN.</summary>
    /// <exception cref="VhostException">It was not announced, or there is memory already.</exception>
    public void ListenPostcopy()
    {
        if (_faults is null) throw new VhostException("POSTCOPY_LISTEN without POSTCOPY_ADVISE");
        if (Memory.Count > 0) throw new VhostException("POSTCOPY_LISTEN after the memory table");
        ListensForPostcopy = true;
    }

    /// <summary>SET_MEM_TABLE while listening: nobody touches the memory before <see cref="ConfirmMemory"/>.</summary>
    /// <param name="memory">The table, which the device owns from now on.</param>
    public void OfferMemory(MemoryTable memory)
    {
        _offered?.Dispose();
        _offered = memory;
    }

    /// <summary>The front-end knows where its memory is here: faults on it are its own from now on.</summary>
    /// <exception cref="VhostException">The memory cannot be filled so.</exception>
    public void ConfirmMemory()
    {
        var memory = _offered!;
        memory.Register(_faults!);
        _offered = null;
        SetMemory(memory);
    }

    /// <summary>POSTCOPY_END: all memory is there. Whoever still waits for a page goes on.</summary>
    public void EndPostcopy()
    {
        ListensForPostcopy = false;
        // Nobody answers faults on memory that was offered and not confirmed: it cannot be used any more.
        _offered?.Dispose();
        _offered = null;
        _faults?.Dispose();
        _faults = null;
    }

    /// <summary>GET_INFLIGHT_FD: makes memory in which what rings have taken is noted, in place of what there was.</summary>
    /// <param name="queues">The number of rings.</param>
    /// <param name="queueSize">The most entries of each.</param>
    /// <exception cref="VhostException">The numbers are impossible.</exception>
    public InflightArea MakeInflight(int queues, int queueSize)
    {
        CheckInflight("GET_INFLIGHT_FD", queues, queueSize);
        try
        {
            SetInflight(InflightArea.Create(queues, queueSize, IsPacked));
        }
        catch (LinuxException e)
        {
            throw new VhostException($"GET_INFLIGHT_FD cannot be answered: {e.Message}");
        }
        return _inflight!;
    }

    /// <summary>SET_INFLIGHT_FD: takes over such memory from an earlier back-end.</summary>
    /// <param name="file">Its file; stays the caller's.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="offset">Where it starts in its file.</param>
    /// <param name="queues">The number of rings.</param>
    /// <param name="queueSize">The most entries of each.</param>
    /// <exception cref="VhostException">The numbers are impossible, or it cannot be mapped.</exception>
    public void SetInflight(FileDescriptor file, ulong length, ulong offset, int queues, int queueSize)
    {
        // More rings than there are was an out-of-bounds write elsewhere (CVE-2021-3839).
        CheckInflight("SET_INFLIGHT_FD", queues, queueSize);
        SetInflight(InflightArea.Map(file, new InflightShape(length, offset, queues, queueSize, IsPacked)));
    }

    /// <summary>Where a ring's buffers are noted.</summary>
    /// <param name="ring">A ring with a size.</param>
    /// <returns>The ring's part; null where nothing is noted.</returns>
    public unsafe byte* InflightPartOf(Vring ring) => _inflight is { } area ? area.PartOf(ring.Index, ring.Size, IsPacked) : null;

    /// <summary>SET_LOG_BASE: takes over the log of a live migration. It is written while <see cref="Features.LogAll"/> is set.</summary>
    /// <param name="log">The log, which the device owns from now on.</param>
    public void SetLog(DirtyLog log)
    {
        PauseRings();
        Log?.Dispose();
        Log = log;
        Reconsider();
    }

    /// <summary>SET_VRING_NUM.</summary>
    /// <param name="index">The ring.</param>
    /// <param name="size">The number of entries.</param>
    /// <exception cref="VhostException">There is no such ring, the size is impossible, or the ring runs.</exception>
    public void SetRingSize(uint index, uint size)
    {
        var ring = Ring(index);
        if (!IsValidSize(size)) throw new VhostException($"SET_VRING_NUM {size} for ring {index}: {SizeRule}");
        if (ring.Running && ring.Size != (int)size) throw new VhostException($"SET_VRING_NUM {size} for ring {index}, which runs with {ring.Size}");
        ring.Size = (int)size;
        Reconsider();
    }

    /// <summary>SET_VRING_BASE.</summary>
    /// <param name="index">The ring.</param>
    /// <param name="next">A split ring's next available entry; of a packed ring the next available and, in the upper half, the next used position.</param>
    /// <exception cref="VhostException">There is no such ring, it runs, or the number is no ring position.</exception>
    public void SetRingBase(uint index, uint next)
    {
        var ring = Ring(index);
        if (ring.Running) throw new VhostException($"SET_VRING_BASE for ring {index}, which runs");
        if (!IsPacked && next > ushort.MaxValue) throw new VhostException($"SET_VRING_BASE {next} for ring {index}: beyond {ushort.MaxValue}");
        ring.Base = next;
        ring.BaseAtReset = null;
        ring.BaseIsRemembered = true;
    }

    /// <summary>SET_VRING_ADDR. The addresses may come before the memory they lie in.</summary>
    /// <param name="index">The ring.</param>
    /// <param name="addresses">Where the front-end has its parts.</param>
    /// <exception cref="VhostException">There is no such ring.</exception>
    public void SetRingAddresses(uint index, VringAddresses addresses)
    {
        var ring = Ring(index);
        if (ring.Addresses != addresses) StopRunning(ring);
        ring.Addresses = addresses;
        Reconsider();
    }

    /// <summary>SET_VRING_KICK: starts the ring.</summary>
    /// <param name="index">The ring.</param>
    /// <param name="kick">The guest's notifications; null where the ring is to be polled. Belongs to the device from now on.</param>
    /// <exception cref="VhostException">There is no such ring.</exception>
    public void SetRingKick(uint index, FileDescriptor? kick)
    {
        var ring = RingFor(index, kick);
        StopRunning(ring);
        ring.Kick?.Dispose();
        ring.Kick = kick;
        ring.Started = true;
        ring.BaseAtReset = null;
        Reconsider();
    }

    /// <summary>SET_VRING_CALL.</summary>
    /// <param name="index">The ring.</param>
    /// <param name="call">Our notifications to the guest; null where it polls. Belongs to the device from now on.</param>
    /// <exception cref="VhostException">There is no such ring.</exception>
    public void SetRingCall(uint index, FileDescriptor? call)
    {
        var ring = RingFor(index, call);
        var old = ring.Call;
        ring.Call = call;
        if (ring.Running) _events.RingCallChanged(this, ring);
        old?.Dispose();
    }

    /// <summary>SET_VRING_ERR.</summary>
    /// <param name="index">The ring.</param>
    /// <param name="error">Where to tell of a broken ring; null for nowhere. Belongs to the device from now on.</param>
    /// <exception cref="VhostException">There is no such ring.</exception>
    public void SetRingError(uint index, FileDescriptor? error)
    {
        var ring = RingFor(index, error);
        ring.Error?.Dispose();
        ring.Error = error;
    }

    /// <summary>SET_VRING_ENABLE. May come before anything else about the ring.</summary>
    /// <param name="index">The ring.</param>
    /// <param name="enable">1 or 0.</param>
    /// <exception cref="VhostException">There is no such ring, or the number is neither.</exception>
    public void SetRingEnabled(uint index, uint enable)
    {
        var ring = Ring(index);
        if (enable > 1) throw new VhostException($"SET_VRING_ENABLE {enable} for ring {index}: 0 and 1 are the choices");
        SetEnabled(ring, enable == 1);
    }

    /// <summary>GET_VRING_BASE: stops the ring.</summary>
    /// <param name="index">The ring.</param>
    /// <returns>Where it goes on, as in <see cref="SetRingBase"/>. All entries before were used.</returns>
    /// <exception cref="VhostException">There is no such ring.</exception>
    public uint StopRing(uint index)
    {
        var ring = Ring(index);
        StopRunning(ring);
        ring.Started = false;
        ring.Obstacle = null;
        ring.Broken = null;
        // Stale addresses of a stopped ring must not come alive with a later kick and another memory table (DPDK 1846fe767f).
        ring.Addresses = null;
        ring.Kick?.Dispose();
        ring.Kick = null;
        // QEMU up to 7.2 sets the status to 0 before it asks, and takes the answer along in a migration.
        return ring.BaseAtReset ?? ring.Base;
    }

    /// <summary>SET_STATUS.</summary>
    /// <param name="status">The virtio status byte; 0 resets the device.</param>
    /// <exception cref="VhostException">The number is no byte.</exception>
    public void SetStatus(ulong status)
    {
        if (status > byte.MaxValue) throw new VhostException($"SET_STATUS 0x{status:x}: a status has 8 bits");
        if (status == 0) Reset();
        Status = (byte)status;
        // The device says no to the features it refused by not keeping FEATURES_OK (VIRTIO 1.2, 3.1.1).
        if (_featuresRefused) Status &= unchecked((byte)~StatusFeaturesOk);
    }

    /// <summary>
    /// RESET_DEVICE, and SET_STATUS 0: stops the rings and forgets how they were set up, and the features. Memory stays, and so
    /// do the descriptors for notifications to the guest, which QEMU hands over once for all starts of a guest.
    /// </summary>
    public void Reset()
    {
        foreach (var ring in _rings.Values)
        {
            StopRunning(ring);
            ring.Reset();
        }
        Features = Features.None;
        FeaturesSet = false;
        _featuresRefused = false;
        Status = 0;
    }

    /// <summary>RESET_OWNER: deprecated; disables the rings, as the specification advises.</summary>
    public void ResetOwner()
    {
        foreach (var ring in _rings.Values)
            SetRingEnabled((uint)ring.Index, 0);
    }

    /// <summary>NET_SET_MTU.</summary>
    /// <param name="mtu">The MTU in bytes.</param>
    /// <exception cref="VhostException">The number is no MTU.</exception>
    public void SetMtu(ulong mtu)
    {
        const ulong Smallest = 68;
        if (mtu is < Smallest or > ushort.MaxValue) throw new VhostException($"NET_SET_MTU {mtu}: an MTU is {Smallest} to {ushort.MaxValue}");
        Mtu = (int)mtu;
    }

    /// <summary>Finds the parts of a ring in the guest's memory.</summary>
    /// <param name="ring">A ring with addresses and size.</param>
    /// <param name="parts">The parts here.</param>
    /// <returns>False when it has none, or a part is not wholly inside one region.</returns>
    public unsafe bool TryTranslate(Vring ring, out RingParts parts)
    {
        parts = default;
        if (ring.Addresses is not { } addresses) return false;
        if (!HasIommu) return RingParts.TryTranslate(Memory.Guest.TranslateFrontEnd, addresses, ring.Size, IsPacked, out parts);
        if (Iotlb is not { } iotlb) return false;
        ulong? missing = null;
        bool translated = RingParts.TryTranslate(Translate, addresses, ring.Size, IsPacked, out parts);
        if (missing is { } address) (ring.Miss ??= iotlb.NewMiss()).Note(address, IotlbAccess.Read | IotlbAccess.Write);
        return translated;

        byte* Translate(ulong start, ulong length)
        {
            byte* here = iotlb.Translate(start, length, out ulong? unknown);
            missing ??= unknown;
            return here;
        }
    }

    /// <summary>True while a ring is out of use because its driver broke the rules.</summary>
    public bool IsBroken => _rings.Values.Any(r => r.Broken is not null);

    /// <summary>One line: that frames can flow, or why they cannot.</summary>
    public string Describe()
    {
        if (IsBroken) return "broken: " + string.Join("; ", _rings.Values.Select(r => r.Broken).OfType<string>());
        if (_rings.Values.FirstOrDefault(r => r.Obstacle is not null)?.Obstacle is { } obstacle) return "negotiating: " + obstacle;
        if (Iotlb?.Overdue is { } address) return $"waiting for the IOMMU's translation of 0x{address:x}";
        int running = _rings.Values.Count(r => r.Running), usable = _rings.Values.Count(r => r.Running && r.Enabled);
        if (running == 0) return FeaturesSet ? "negotiating: no ring started yet" : "connected: the guest's driver has not set up the device yet";
        if (usable == 0) return $"negotiating: {running} rings started, none enabled yet";
        return $"up ({usable} of {_rings.Count} rings{(Memory.IsSealed ? "" : ", memory not sealed")})";
    }

    /// <summary>SEND_RARP.</summary>
    /// <param name="mac">The guest's address, first byte lowest.</param>
    public void SendRarp(ulong mac) => _events.Announce(this, mac);

    /// <summary>The data path stopped at another entry than the front-end's base: what the next GET_VRING_BASE answers.</summary>
    /// <param name="ring">A ring that stops.</param>
    /// <param name="next">Where it goes on, as in <see cref="SetRingBase"/>.</param>
    public void RingStoppedAt(Vring ring, uint next)
    {
        ring.Base = next;
        ring.BaseIsRemembered = false;
    }

    /// <summary>The data path found that the driver broke the rules: the ring stops, and stays so until the front-end stops it and sets it up anew.</summary>
    /// <param name="ring">A ring that runs.</param>
    /// <param name="reason">How, in one sentence.</param>
    public void BreakRing(Vring ring, string reason)
    {
        StopRunning(ring);
        ring.Broken = reason;
    }

    /// <summary>Stops everything and gives back memory and descriptors.</summary>
    public void Dispose()
    {
        // First, since a poll thread that waits for a page cannot let go of a ring.
        EndPostcopy();
        Reset();
        foreach (var ring in _rings.Values)
            ring.Dispose();
        Memory.Dispose();
        Memory = MemoryTable.Empty;
        Log?.Dispose();
        Log = null;
        _inflight?.Dispose();
        _inflight = null;
        _backEnd?.Dispose();
        _backEnd = null;
        Iotlb?.Dispose();
        Iotlb = null;
    }

    private string SizeRule => IsPacked ? $"a ring has 1 to {PackedLayout.MaxSize} entries" : $"a ring has 1 to {SplitLayout.MaxSize} entries, a power of two";

    private bool IsValidSize(uint size) => IsPacked ? PackedLayout.IsValidSize(size) : SplitLayout.IsValidSize(size);

    private Vring Ring(uint index)
    {
        // The full 32 bits are compared: cut to 16 they would name another ring (CVE-2020-10723).
        if (index >= (uint)(2 * _options.MaxQueuePairs)) throw new VhostException($"ring {index}: the device has {2 * _options.MaxQueuePairs}");
        if (!_rings.TryGetValue((int)index, out var ring))
        {
            ring = new Vring((int)index) { Enabled = FeaturesSet && (Features & Features.ProtocolFeatures) == 0 };
            _rings.Add((int)index, ring);
        }
        return ring;
    }

    // A descriptor that came for a ring which is not there has no other owner who would close it (CVE-2019-14818).
    private Vring RingFor(uint index, FileDescriptor? descriptor)
    {
        try
        {
            return Ring(index);
        }
        catch
        {
            descriptor?.Dispose();
            throw;
        }
    }

    private void SetEnabled(Vring ring, bool enabled)
    {
        if (ring.Enabled == enabled) return;
        ring.Enabled = enabled;
        if (ring.Running) _events.RingEnabledChanged(this, ring);
    }

    private void StopRunning(Vring ring)
    {
        if (!ring.Running) return;
        _events.RingStopping(this, ring);
        ring.Running = false;
    }

    private List<Vring> RingsIn(ulong address, ulong length)
    {
        return [.. _rings.Values.Where(r => r.Running && r.Addresses is { } at && Overlaps(at, RingParts.Lengths.Of(r.Size, IsPacked)))];

        bool Overlaps(VringAddresses at, RingParts.Lengths lengths) =>
            Meets(at.Descriptor, lengths.Descriptors) || Meets(at.Available, lengths.Available) || Meets(at.Used, lengths.Used);

        // Without sums, which wrap around at the end of the address space.
        bool Meets(ulong start, ulong size) => start >= address ? start - address < length : address - start < size;
    }

    private void CheckInflight(string message, int queues, int queueSize)
    {
        if (queues < 1 || queues > 2 * _options.MaxQueuePairs) throw new VhostException($"{message} for {queues} rings: the device has {2 * _options.MaxQueuePairs}");
        if (!IsValidSize((uint)queueSize)) throw new VhostException($"{message} for rings of {queueSize} entries: {SizeRule}");
    }

    private void SetInflight(InflightArea area)
    {
        PauseRings();
        _inflight?.Dispose();
        _inflight = area;
        Reconsider();
    }

    private void PauseRings()
    {
        foreach (var ring in _rings.Values)
            StopRunning(ring);
    }

    private void Reconsider()
    {
        foreach (var ring in _rings.Values)
        {
            if (ring.Running || !ring.Started || ring.Broken is not null) continue;
            ring.Obstacle = WhyNotRunning(ring);
            if (ring.Obstacle is not null) continue;
            ring.Running = true;
            try
            {
                _events.RingRunning(this, ring);
            }
            catch (VhostException e)
            {
                // What an earlier back-end is said to have left contradicts the ring.
                ring.Running = false;
                ring.Broken = $"ring {ring.Index}: {e.Message}";
            }
        }
    }

    private string? WhyNotRunning(Vring ring)
    {
        if (!FeaturesSet) return "waiting for features";
        if (ring.Size == 0) return $"ring {ring.Index} has no size yet";
        if (ring.Addresses is null) return $"ring {ring.Index} has no addresses yet";
        if (Memory.Count == 0) return "waiting for the memory table";
        // Size and base may have come before the features that say what they mean.
        if (!IsValidSize((uint)ring.Size)) return $"ring {ring.Index} has {ring.Size} entries: {SizeRule}";
        if (IsPacked && ring.PackedBase.Index >= ring.Size) return $"ring {ring.Index} of {ring.Size} entries is to go on from entry {ring.PackedBase.Index}";
        if (HasIommu && Iotlb is null) return "an IOMMU, but no socket on which the front-end can be asked (BACKEND_REQ)";
        if (!TryTranslate(ring, out var parts))
        {
            return !HasIommu ? $"ring {ring.Index} lies outside the guest's memory"
                : $"ring {ring.Index} waits for the IOMMU's translation, or is not in one piece behind it";
        }
        if (!parts.AreAligned) return $"ring {ring.Index} has misaligned addresses";
        ring.Parts = parts;
        return null;
    }
}
