using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using VhostSwitch.Dataplane;
using VhostSwitch.Packets;

namespace VhostSwitch.Switching;

/// <summary>What a <see cref="MacTable"/> tells of changes that people want to read of.</summary>
public enum MacEventKind
{
    /// <summary>An address was seen for the first time.</summary>
    Learned,

    /// <summary>A known address was seen on another port.</summary>
    Moved,

    /// <summary>A device sent with an address that another device has (vmdq mode).</summary>
    Duplicate,
}

/// <summary>A change of the table.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Address">The address.</param>
/// <param name="Vlan">The VLAN id.</param>
/// <param name="Port">The port's id.</param>
public readonly record struct MacEvent(MacEventKind Kind, MacAddress Address, ushort Vlan, ushort Port);

/// <summary>One entry, for people.</summary>
/// <param name="Address">The address.</param>
/// <param name="Vlan">The VLAN id.</param>
/// <param name="Port">The port's id.</param>
/// <param name="AgeSeconds">Since it was last seen.</param>
public readonly record struct MacEntry(MacAddress Address, ushort Vlan, ushort Port, int AgeSeconds);

/// <summary>
/// Which address is behind which port, by VLAN. Poll threads look up and refresh without a lock; a new or moved address takes
/// one. The control thread removes.
/// </summary>
/// <remarks>
/// An entry's key is written after its value and is not taken by another address before every poll thread has passed, so
/// whoever finds a key finds a value of that key: no frame ever goes to a guest by half an update.
/// </remarks>
public sealed unsafe class MacTable : IDisposable
{
    /// <summary>The answer for an unknown address.</summary>
    public const ushort NoPort = 0xffff;

    /// <summary>A key that no address has.</summary>
    internal const ulong NoKey = ulong.MaxValue;

    /// <summary>The most addresses of one port: a guest that makes up addresses fills its own share and not the table.</summary>
    public const int MaxPerPort = 1024;

    private const int EntriesPerBucket = 4;
    private const int BucketBits = 14;
    private const int Buckets = 1 << BucketBits;
    private const ulong BucketSize = 64;

    // An address may lie in its own bucket or the one after it: with a table a quarter full both are full once in thousands.
    private const int BucketsSearched = 2;
    private const ulong Valid = 1UL << 63;

    // 2 to the 64th by the golden ratio: far from every simple fraction.
    private const ulong SecondFactor = 0x9e37_79b9_7f4a_7c15;
    private const int MaxEvents = 256;
    private const int Ports = 1024;

    // Keys: the address, the VLAN id above it, and the top bit. Values: the port, and above it the second it was last seen.
    private readonly Entry* _entries;

    // Unknown to guests, so that they cannot choose addresses that meet in one bucket.
    private readonly ulong _hashFactor = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1;

    // Held for a few instructions by whoever inserts or removes an entry. A spin lock: a poll thread neither sleeps over it nor
    // allocates, as the runtime's own locks do the first time they are contended.
    private SpinLock _lock = new(enableThreadOwnerTracking: false);
    private readonly ushort[] _perPort = new ushort[Ports];
    private readonly MacEvent[] _events = new MacEvent[MaxEvents];
    private int _eventCount;
    private int _count;
    private uint _now;

    // The control thread's, so that it need not go through a megabyte each second: no entry was seen before this second, and whether there are dead ones.
    private uint _oldest;
    private bool _anyDead;

    /// <summary>Makes an empty table.</summary>
    public MacTable()
    {
        // One bucket more than the hash names, for the addresses of the last one.
        _entries = (Entry*)NativeMemory.AlignedAlloc((nuint)(TotalEntries * sizeof(Entry)), 64);
        NativeMemory.Clear(_entries, (nuint)(TotalEntries * sizeof(Entry)));
    }

    private const int TotalEntries = (Buckets + BucketsSearched - 1) * EntriesPerBucket;

    /// <summary>The most addresses that any table can hold.</summary>
    public static int Capacity => TotalEntries;

    /// <summary>The most addresses that this one learns. For the control thread.</summary>
    public int Most
    {
        get => Volatile.Read(ref field);
        set => Volatile.Write(ref field, Math.Min(value, Capacity));
    } = TotalEntries;

    /// <summary>How many addresses were seen for the first time.</summary>
    public ulong Learned { get; private set; }

    /// <summary>How many known addresses were seen on another port.</summary>
    public ulong Moved { get; private set; }

    /// <summary>How many were removed for their age.</summary>
    public ulong Expired { get; private set; }

    /// <summary>How many addresses could not be learned because the table, or their port's share of it, was full.</summary>
    public ulong NotLearned { get; private set; }

    /// <summary>How many events were not kept because nobody fetched them in time.</summary>
    public ulong EventsLost { get; private set; }

    /// <summary>The key of an address.</summary>
    /// <param name="address">The 48 bits.</param>
    /// <param name="vlan">The VLAN id.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Key(ulong address, ushort vlan) => address | ((ulong)vlan << 48) | Valid;

    /// <summary>Finds the port of an address. For poll threads.</summary>
    /// <param name="key">The address's <see cref="Key"/>.</param>
    /// <returns>The port's id, or <see cref="NoPort"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ushort Find(ulong key)
    {
        var entry = Search(key);
        return entry == null ? NoPort : (ushort)Volatile.Read(ref entry->Value);
    }

    /// <summary>Notes that an address was seen on a port. For poll threads.</summary>
    /// <param name="key">The address's <see cref="Key"/>.</param>
    /// <param name="port">The port's id.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Learn(ulong key, ushort port)
    {
        ulong seen = Seen(port);
        var entry = Search(key);
        ulong value = entry == null ? NoPort : Volatile.Read(ref entry->Value);
        if ((ushort)value != port) Insert(key, port);
        // Once a second, and not if the control thread has just removed it for its age: a dead entry is inserted anew.
        else if (value != seen) Interlocked.CompareExchange(ref entry->Value, seen, value);
    }

    /// <summary>
    /// Looks up the sources and destinations of many frames, in the first place of each only, and sends those where neither leaves anything to be
    /// done on their way. For poll threads.
    /// </summary>
    /// <param name="frames">The frames.</param>
    /// <param name="keys">Their keys. What lies behind the last, up to a multiple of eight keys, is read as well.</param>
    /// <param name="count">How many, at most <see cref="Burst.MaxFrames"/>.</param>
    /// <param name="source">The port they came from.</param>
    /// <returns>A bit for each frame that has to be looked at closely.</returns>
    [SkipLocalsInit]
    internal uint Forward(Frame* frames, MacKeys* keys, int count, ushort source)
    {
        MacKeys* places = stackalloc MacKeys[Burst.MaxFrames];
        FindPlaces((ulong*)keys, (ulong*)places, count * 2);
        byte* entries = (byte*)_entries;
        ulong fresh = Seen(source);
        uint others = 0;
        for (int i = 0; i < count; i++)
        {
            var bucket = (Entry*)(entries + places[i].Source);
            ulong found = Match(bucket, keys[i].Source);
            if (found == 0 || ValueOf(bucket, found) != fresh) goto other;
            bucket = (Entry*)(entries + places[i].Destination);
            found = Match(bucket, keys[i].Destination);
            if (found == 0) goto other;
            ushort port = (ushort)ValueOf(bucket, found);
            if (port == source || port == NoPort) goto other;
            frames[i].Output = port;
            continue;
        other:
            others |= 1u << i;
        }
        return others;
    }

    /// <summary>Gives an address to a port unless another port has it. For poll threads.</summary>
    /// <param name="key">The address's <see cref="Key"/>.</param>
    /// <param name="port">The port's id.</param>
    /// <returns>False where another port has it, or there is no room.</returns>
    public bool TryClaim(ulong key, ushort port)
    {
        bool taken = false;
        _lock.Enter(ref taken);
        ushort owner = Find(key);
        bool claimed = owner == port || (owner == NoPort && InsertLocked(key, port));
        if (owner != port && owner != NoPort) Note(MacEventKind.Duplicate, key, port);
        _lock.Exit(useMemoryBarrier: true);
        return claimed;
    }

    /// <summary>Makes all addresses of a port unknown. For the control thread.</summary>
    /// <param name="port">The port's id.</param>
    public void Forget(ushort port)
    {
        for (int i = 0; i < TotalEntries; i++)
        {
            ulong value = Volatile.Read(ref _entries[i].Value);
            if (_entries[i].Key != 0 && (ushort)value == port) TryKill(ref _entries[i], value);
        }
    }

    /// <summary>Sets the clock and removes what is old. For the control thread, about once a second.</summary>
    /// <param name="now">Seconds since any start.</param>
    /// <param name="maxAgeSeconds">Addresses not seen for longer are removed; 0 keeps them.</param>
    /// <param name="waitForThreads">Waits until every poll thread has passed.</param>
    public void Tick(uint now, uint maxAgeSeconds, Action waitForThreads)
    {
        Volatile.Write(ref _now, now);
        if (!_anyDead && (maxAgeSeconds == 0 || now - _oldest <= maxAgeSeconds)) return;
        _oldest = now;
        for (int i = 0; i < TotalEntries; i++)
        {
            ref var entry = ref _entries[i];
            if (Volatile.Read(ref entry.Key) == 0) continue;
            ulong value = Volatile.Read(ref entry.Value);
            if ((ushort)value == NoPort) continue;
            uint seen = (uint)(value >> 16);
            if (maxAgeSeconds != 0 && now - seen > maxAgeSeconds && TryKill(ref entry, value)) Expired++;
            // One that was refreshed meanwhile counts as it was: too old at worst, which brings the next walk forward.
            else if (now - seen > now - _oldest) _oldest = seen;
        }
        if (!_anyDead) return;
        _anyDead = false;
        waitForThreads();
        for (int i = 0; i < TotalEntries; i++)
        {
            if (_entries[i].Key != 0 && (ushort)_entries[i].Value == NoPort) Bury(ref _entries[i]);
        }
    }

    /// <summary>Fetches what has happened since the last call, oldest first. For the control thread.</summary>
    public MacEvent[] TakeEvents()
    {
        if (Volatile.Read(ref _eventCount) == 0) return [];
        var events = new MacEvent[MaxEvents];
        bool taken = false;
        _lock.Enter(ref taken);
        int count = _eventCount;
        Array.Copy(_events, events, count);
        _eventCount = 0;
        _lock.Exit(useMemoryBarrier: true);
        return events[..count];
    }

    /// <summary>The entries, in no order. For the control thread.</summary>
    public List<MacEntry> Entries()
    {
        var entries = new List<MacEntry>();
        for (int i = 0; i < TotalEntries; i++)
        {
            ulong key = Volatile.Read(ref _entries[i].Key), value = Volatile.Read(ref _entries[i].Value);
            if (key == 0 || (ushort)value == NoPort) continue;
            entries.Add(new MacEntry(new MacAddress(key & MacAddress.Mask), (ushort)((key >> 48) & 0xfff), (ushort)value, (int)(_now - (uint)(value >> 16))));
        }
        return entries;
    }

    /// <inheritdoc/>
    public void Dispose() => NativeMemory.AlignedFree(_entries);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Seen(ushort port) => port | ((ulong)Volatile.Read(ref _now) << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Entry* Search(ulong key) => Search(_entries + BucketOf(key), key);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Entry* Search(Entry* bucket, ulong key)
    {
        for (int i = 0; i < BucketsSearched; i++, bucket += EntriesPerBucket)
        {
            ulong found = Match(bucket, key);
            if (found != 0) return (Entry*)((ulong*)bucket + Place(found));
        }
        return null;
    }

    // Where in a bucket a key is: a bit, or none. All are compared at once: which of its entries an address has is nothing that a processor could
    // foresee. The values are compared as well, which have no top bit.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Match(Entry* bucket, ulong key)
    {
        ulong found = Vector512.Equals(Vector512.LoadAligned((ulong*)bucket), Vector512.Create(key)).ExtractMostSignificantBits();
        Volatile.ReadBarrier();
        return found;
    }

    private static ulong ValueOf(Entry* bucket, ulong found) => Volatile.Read(ref ((ulong*)bucket + Place(found))[1]);

    private static uint Place(ulong found) => (uint)BitOperations.TrailingZeroCount((uint)found);

    // The offsets of buckets, eight at a time.
    private void FindPlaces(ulong* keys, ulong* places, int count)
    {
        for (int i = 0; i < count; i += Vector512<ulong>.Count)
        {
            var hash = Vector512.Load(keys + i) * _hashFactor;
            hash ^= hash >>> 32;
            (((hash * SecondFactor) >>> (64 - BucketBits)) * BucketSize).Store(places + i);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Insert(ulong key, ushort port)
    {
        bool taken = false;
        _lock.Enter(ref taken);
        InsertLocked(key, port);
        _lock.Exit(useMemoryBarrier: true);
    }

    // Makes an entry unknown unless a poll thread has refreshed or moved it since it was read.
    private bool TryKill(ref Entry entry, ulong value)
    {
        bool taken = false;
        _lock.Enter(ref taken);
        bool killed = Interlocked.CompareExchange(ref entry.Value, NoPort, value) == value;
        if (killed)
        {
            _perPort[(ushort)value]--;
            _count--;
            _anyDead = true;
        }
        _lock.Exit(useMemoryBarrier: true);
        return killed;
    }

    // Frees a dead entry for another address, unless its own has come back since.
    private void Bury(ref Entry entry)
    {
        bool taken = false;
        _lock.Enter(ref taken);
        if ((ushort)entry.Value == NoPort) Volatile.Write(ref entry.Key, 0);
        _lock.Exit(useMemoryBarrier: true);
    }

    private bool InsertLocked(ulong key, ushort port)
    {
        var entry = Search(key);
        ushort owner = entry == null ? NoPort : (ushort)entry->Value;
        if (owner == port) return true;
        if (_perPort[port] >= MaxPerPort || (owner == NoPort && _count >= Most) || (entry == null && (entry = FreeEntry(key)) == null))
        {
            NotLearned++;
            return false;
        }
        if (owner != NoPort) _perPort[owner]--;
        if (owner != NoPort) Moved++;
        else
        {
            Learned++;
            _count++;
        }
        _perPort[port]++;
        Volatile.Write(ref entry->Value, Seen(port));
        Volatile.Write(ref entry->Key, key);
        Note(owner == NoPort ? MacEventKind.Learned : MacEventKind.Moved, key, port);
        return true;
    }

    // The first entry of an address's bucket; FindPlaces finds the same. One product would do for addresses without order; those that follow each other, as guests' do, it crowds
    // into few buckets for some random factors: for 9 of 400, of 16,384 such addresses more than 64 found no place, and with one factor 6,727.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int BucketOf(ulong key)
    {
        ulong hash = key * _hashFactor;
        hash ^= hash >> 32;
        return (int)((hash * SecondFactor) >> (64 - BucketBits)) * EntriesPerBucket;
    }

    private Entry* FreeEntry(ulong key)
    {
        var entry = _entries + BucketOf(key);
        for (int i = 0; i < EntriesPerBucket * BucketsSearched; i++, entry++)
        {
            if (entry->Key == 0) return entry;
        }
        return null;
    }

    private void Note(MacEventKind kind, ulong key, ushort port)
    {
        if (_eventCount == MaxEvents) EventsLost++;
        else _events[_eventCount++] = new MacEvent(kind, new MacAddress(key & MacAddress.Mask), (ushort)((key >> 48) & 0xfff), port);
    }

    private struct Entry
    {
        public ulong Key;
        public ulong Value;
    }
}
