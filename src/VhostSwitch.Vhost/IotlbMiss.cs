using System.Diagnostics;
using VhostSwitch.Linux;

namespace VhostSwitch.Vhost;

/// <summary>Where one queue notes the addresses it cannot translate. The poll thread notes; the control thread asks and clears.</summary>
internal sealed class IotlbMiss(int notes)
{
    // As many as a queue looks ahead.
    private const int MaxNotes = 64;

    // Questions without an answer: the guest has unmapped the page by now, or wanted us to believe in it.
    private const int MostQuestions = 3;

    // Questions in a row that brought nothing, after which the next ones are put by the clock: a guest whose buffers are nowhere does not keep
    // the control thread busy.
    private const int MostInVain = 16;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // Page addresses with the access wanted in their low bits; 0 for a free place.
    private readonly ulong[] _notes = new ulong[MaxNotes];
    private readonly Question[] _questions = new Question[MaxNotes];

    private int _inVain;

    /// <summary>An address that has waited for its answer for long; null where none has.</summary>
    internal ulong? Overdue
    {
        get
        {
            for (int i = 0; i < MaxNotes; i++)
            {
                if (_notes[i] != 0 && _questions[i].About == _notes[i] && _questions[i].Times > 1) return Iotlb.PageOf(_notes[i]);
            }
            return null;
        }
    }

    /// <summary>Notes an address, and wakes the control thread unless it knows already. Poll thread.</summary>
    internal void Note(ulong address, IotlbAccess access)
    {
        ulong note = Iotlb.PageOf(address) | (ulong)access;
        int free = -1;
        for (int i = 0; i < MaxNotes; i++)
        {
            ulong there = Volatile.Read(ref _notes[i]);
            if (there == note) return;
            if (there == 0 && free < 0) free = i;
        }
        // Without a place it is noted when it is missed the next time.
        if (free < 0) return;
        Volatile.Write(ref _notes[free], note);
        EventFd.Signal(notes);
    }

    /// <summary>Asks the front-end once for each note, and a few times more when it does not answer. Control thread.</summary>
    /// <param name="ask">Asks; false when that is not possible now.</param>
    /// <param name="has">True for what is known meanwhile: a poll thread notes by what it knew when it began to look.</param>
    internal void Ask(Func<ulong, IotlbAccess, bool> ask, Func<ulong, IotlbAccess, bool> has)
    {
        for (int i = 0; i < MaxNotes; i++)
        {
            ulong note = Volatile.Read(ref _notes[i]);
            if (note == 0) continue;
            ref var question = ref _questions[i];
            if (question.About != note) question = new Question { About = note };
            else if (Stopwatch.GetElapsedTime(question.AskedAt) < Patience) continue;
            if (question.Times == MostQuestions || has(Iotlb.PageOf(note), (IotlbAccess)(note & 3)))
            {
                Clear(i);
                continue;
            }
            if (!ask(Iotlb.PageOf(note), (IotlbAccess)(note & 3))) return;
            question.Times++;
            question.AskedAt = Stopwatch.GetTimestamp();
        }
    }

    /// <summary>Clears the notes about these addresses. Control thread.</summary>
    internal void Answered(ulong address, ulong length)
    {
        _inVain = 0;
        for (int i = 0; i < MaxNotes; i++)
        {
            ulong page = Iotlb.PageOf(_notes[i]);
            if (_notes[i] != 0 && (page >= address ? page - address < length : address - page < Iotlb.PageSize)) Clear(i);
        }
    }

    /// <summary>Clears the note of a question that will get no other answer, so that the same address may be asked for again. Control thread.</summary>
    internal void Conclude(ulong address, IotlbAccess access)
    {
        int place = Array.IndexOf(_notes, Iotlb.PageOf(address) | (ulong)access);
        if (place >= 0 && ++_inVain <= MostInVain) Clear(place);
    }

    // The poll thread fills free places only, so a note that is there stays until it is cleared here.
    private void Clear(int i)
    {
        _questions[i] = default;
        Volatile.Write(ref _notes[i], 0);
    }

    private struct Question
    {
        public ulong About;
        public int Times;
        public long AskedAt;
    }
}
