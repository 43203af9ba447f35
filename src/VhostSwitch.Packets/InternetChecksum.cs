using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace VhostSwitch.Packets;

/// <summary>
/// The checksum of IPv4, TCP and UDP (RFC 1071), summed up piece by piece. The pieces may have any length: where one begins at an odd place, its
/// sum is turned (RFC 1071, 2, "byte order independence").
/// </summary>
public unsafe struct InternetChecksum
{
    // Words as they lie in memory. Each piece adds less than 2^16, so that no sum of frames comes near the end of the number.
    private ulong _sum;
    private bool _odd;

    /// <summary>The checksum as it is stored: the complement of the sum, to be written to memory as it is.</summary>
    public readonly ushort Value => (ushort)~Fold(_sum);

    /// <summary>The sum itself, to be written to memory as it is: what stands in the place of a checksum that is left unfinished.</summary>
    public readonly ushort Partial => Fold(_sum);

    /// <summary>The checksum for protocols in which 0 means that there is none: all ones in its place (RFC 768).</summary>
    public readonly ushort NonZeroValue => Value is var value && value == 0 ? (ushort)0xffff : value;

    /// <summary>Adds a number as it stands in a header. What was added before has an even length.</summary>
    /// <param name="number">The number.</param>
    public void AddNumber(ushort number) => _sum += BinaryPrimitives.ReverseEndianness(number);

    /// <summary>Adds bytes.</summary>
    /// <param name="data">The first byte.</param>
    /// <param name="length">How many.</param>
    public void Add(byte* data, uint length) => Append(Sum<Reading>(null, data, length), length);

    /// <summary>Copies bytes and adds what was copied: each byte is read once.</summary>
    /// <param name="to">Where to; does not overlap with <paramref name="from"/>.</param>
    /// <param name="from">Where from; may change while it is read.</param>
    /// <param name="length">How many.</param>
    public void AddCopy(byte* to, byte* from, uint length) => Append(Sum<Copying>(to, from, length), length);

    private void Append(ulong sum, uint length)
    {
        ushort folded = Fold(sum);
        _sum += _odd ? BinaryPrimitives.ReverseEndianness(folded) : folded;
        _odd ^= (length & 1) != 0;
    }

    private static ushort Fold(ulong sum)
    {
        sum = (sum >> 32) + (uint)sum;
        sum = (sum >> 16) + (ushort)sum;
        sum = (sum >> 16) + (ushort)sum;
        sum = (sum >> 16) + (ushort)sum;
        return (ushort)sum;
    }

    // Words of four bytes are two words of the sum, since carries come round (RFC 1071, 2, "deferred carries"). Each load is used for both, sum
    // and copy.
    private static ulong Sum<TMode>(byte* to, byte* from, uint length)
        where TMode : struct
    {
        ulong sum = 0;
        if (length >= Vector256<byte>.Count)
        {
            var even = Vector256<ulong>.Zero;
            var odd = Vector256<ulong>.Zero;
            do
            {
                var bytes = Vector256.Load(from);
                if (typeof(TMode) == typeof(Copying)) bytes.Store(to);
                var (lower, upper) = Vector256.Widen(bytes.AsUInt32());
                even += lower;
                odd += upper;
                Advance<TMode>(ref to, ref from, ref length, (uint)Vector256<byte>.Count);
            }
            while (length >= Vector256<byte>.Count);
            sum = Vector256.Sum(even + odd);
        }
        if (length >= Vector128<byte>.Count)
        {
            var bytes = Vector128.Load(from);
            if (typeof(TMode) == typeof(Copying)) bytes.Store(to);
            var (lower, upper) = Vector128.Widen(bytes.AsUInt32());
            sum += Vector128.Sum(lower + upper);
            Advance<TMode>(ref to, ref from, ref length, (uint)Vector128<byte>.Count);
        }
        for (; length >= sizeof(uint); Advance<TMode>(ref to, ref from, ref length, sizeof(uint)))
            sum += Word<TMode, uint>(to, from);
        if (length >= sizeof(ushort))
        {
            sum += Word<TMode, ushort>(to, from);
            Advance<TMode>(ref to, ref from, ref length, sizeof(ushort));
        }
        // The last one of an odd number is the first byte of a word whose second is 0.
        if (length > 0) sum += Word<TMode, byte>(to, from);
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Word<TMode, T>(byte* to, byte* from)
        where TMode : struct
        where T : unmanaged
    {
        T word = Unsafe.ReadUnaligned<T>(from);
        if (typeof(TMode) == typeof(Copying)) Unsafe.WriteUnaligned(to, word);
        if (typeof(T) == typeof(uint)) return Unsafe.BitCast<T, uint>(word);
        return typeof(T) == typeof(ushort) ? Unsafe.BitCast<T, ushort>(word) : Unsafe.BitCast<T, byte>(word);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Advance<TMode>(ref byte* to, ref byte* from, ref uint length, uint by)
        where TMode : struct
    {
        if (typeof(TMode) == typeof(Copying)) to += by;
        from += by;
        length -= by;
    }

    private readonly struct Reading;

    private readonly struct Copying;
}
