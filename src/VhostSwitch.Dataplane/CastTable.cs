namespace VhostSwitch.Dataplane;

/// <summary>
/// The runtime keeps the answers of casts in one table of the process and doubles it when a place is taken: by an array on the managed heap, on the
/// thread that happens to ask, which may be a poll thread that the runtime loads a type for. So it is brought to its full size first, which is
/// 4,096 entries in .NET 10. Where a runtime keeps no such table this does nothing worse than ask some thousand questions.
/// </summary>
internal static class CastTable
{
    // Of 24 bytes an entry, and the array's own: what the last doubling allocates.
    private const long BytesOfTheLastDoubling = 4096 * 24;

    private static readonly Lock Once = new();
    private static bool _grown;

    /// <summary>Brings the table to its full size, once in a process. About a millisecond.</summary>
    public static void Grow()
    {
        lock (Once)
        {
            if (_grown) return;
            _grown = true;
            Array[] arrays = [.. Of<byte>(), .. Of<sbyte>(), .. Of<short>(), .. Of<ushort>(), .. Of<int>(), .. Of<uint>(), .. Of<long>(), .. Of<ulong>(),
                .. Of<char>(), .. Of<bool>(), .. Of<float>(), .. Of<double>(), .. Of<nint>(), .. Of<nuint>(), .. Of<decimal>(), .. Of<Half>(),
                .. Of<Int128>(), .. Of<UInt128>(), .. Of<Guid>(), .. Of<DateTime>(), .. Of<TimeSpan>(), .. Of<DateOnly>(), .. Of<TimeOnly>(),
                .. Of<Index>(), .. Of<Range>(), .. Of<string>(), .. Of<object>(), .. Of<Version>(), .. Of<Exception>(), .. Of<Type>()];
            foreach (var array in arrays)
            {
                foreach (var other in arrays)
                {
                    long before = GC.GetAllocatedBytesForCurrentThread();
                    other.GetType().IsInstanceOfType(array);
                    // The table is empty again after each doubling: who went on would fill it.
                    if (GC.GetAllocatedBytesForCurrentThread() - before >= BytesOfTheLastDoubling) return;
                }
            }
        }
    }

    private static Array[] Of<T>() => [Array.Empty<T>(), Array.Empty<T[]>()];
}
