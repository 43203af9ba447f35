using System.Runtime.InteropServices;

namespace VhostSwitch.Fuzz;

/// <summary>How often each block of the instrumented assemblies was entered by one input, and what all inputs so far have reached.</summary>
public static unsafe class Coverage
{
    /// <summary>The most blocks that are told apart; beyond, two share a counter.</summary>
    public const int Size = 1 << 16;

    /// <summary>A counter for each block. Instrumented code adds to it; it has to be there before any of that runs.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1051", Justification = "Instrumented code loads the field.")]
    public static byte* Map = (byte*)NativeMemory.AllocZeroed(Size);

    private static readonly byte[] Seen = new byte[Size];

    /// <summary>Blocks reached by any input.</summary>
    public static int Blocks => Seen.Count(s => s != 0);

    /// <summary>Forgets the last input.</summary>
    public static void Begin() => NativeMemory.Clear(Map, Size);

    /// <summary>Adds what the last input has reached.</summary>
    /// <returns>True when it reached a block, or a multiple of one, that none had reached before.</returns>
    public static bool AddsSomething()
    {
        bool adds = false;
        for (int i = 0; i < Size; i += sizeof(ulong))
        {
            if (*(ulong*)(Map + i) == 0) continue;
            for (int j = i; j < i + sizeof(ulong); j++)
            {
                byte bucket = Bucket(Map[j]);
                if ((Seen[j] | bucket) == Seen[j]) continue;
                Seen[j] |= bucket;
                adds = true;
            }
        }
        return adds;
    }

    // Once, twice, three times, …: a loop that runs 5 times instead of 4 is nothing new, one that runs 8 times is.
    private static byte Bucket(byte count) => count switch
    {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        < 8 => 8,
        < 16 => 16,
        < 32 => 32,
        < 128 => 64,
        _ => 128,
    };
}
