/* What a person does at the taskbar and Wine 8 cannot say to a program from outside. Built at test time
 * and never shipped. Each run does one thing and writes what it saw into the file named first:
 *
 *   FILE start PROGRAM   starts the agent, waits for its icon's window, and answers for Wine where an icon
 *                    is: its Shell_NotifyIconGetRect is a stub that fails, and without an answer the
 *                    icon's library takes no click. Ends with the agent. Who starts a process has a handle
 *                    of it from before it closed itself
 *   FILE pry         tries to open the agent's memory, as any other program of the same user may
 *   FILE down N      waits for the menu, and goes N entries down
 *   FILE enter       takes the entry, waits for the message, and writes down what it says
 *   FILE notice      clicks on the balloon at the icon, and answers for Wine again: it shows one and
 *                    tells its icon nothing of a click
 */
#include <stdio.h>
#include <wchar.h>
#include <windows.h>
#include <shellapi.h>

/* How the icon's library is told what happens at its icon. */
enum { HAPPENED = 6002 };
enum { LOOKS = 600, LOOK_MS = 50 };

static HWND wait_for(const wchar_t *class, const wchar_t *title) {
    for (int look = 0; look < LOOKS; look++, Sleep(LOOK_MS)) {
        HWND window = FindWindowW(class, title);
        int shown = window && (IsWindowVisible(window) || !wcscmp(class, L"tray_icon_app"));
        if (shown) return window;
    }
    return NULL;
}

static int answer_for_wine(HANDLE agent) {
    /* mov qword [rdx], 0; mov qword [rdx+8], 0; xor eax, eax; ret: an empty RECT and S_OK. */
    static const unsigned char ANSWER[] = {0x48, 0xC7, 0x02, 0, 0, 0, 0, 0x48, 0xC7, 0x42,
                                           0x08, 0, 0, 0, 0, 0x31, 0xC0, 0xC3};
    DWORD before;
    /* Wine's own libraries lie at one place in every process. */
    void *stub = (void *)GetProcAddress(LoadLibraryW(L"shell32.dll"), "Shell_NotifyIconGetRect");
    return stub &&
           VirtualProtectEx(agent, stub, sizeof ANSWER, PAGE_EXECUTE_READWRITE, &before) &&
           WriteProcessMemory(agent, stub, ANSWER, sizeof ANSWER, NULL);
}

static HANDLE start(const wchar_t *program) {
    STARTUPINFOW how = {.cb = sizeof how};
    PROCESS_INFORMATION agent;
    wchar_t line[MAX_PATH + 8];
    swprintf(line, MAX_PATH + 8, L"%ls run", program);
    return CreateProcessW(program, line, NULL, NULL, TRUE, 0, NULL, NULL, &how, &agent)
               ? agent.hProcess
               : NULL;
}

static int opens(HWND icon, DWORD rights) {
    DWORD id = 0;
    GetWindowThreadProcessId(icon, &id);
    return OpenProcess(rights, FALSE, id) != NULL;
}

/* The longest text in the message's window is the message. */
static BOOL CALLBACK longest(HWND child, LPARAM kept) {
    wchar_t text[1024] = L"", *best = (wchar_t *)kept;
    SendMessageW(child, WM_GETTEXT, 1024, (LPARAM)text);
    if (wcslen(text) > wcslen(best)) wcscpy(best, text);
    return TRUE;
}

int wmain(int count, wchar_t **words) {
    FILE *told = count > 2 ? _wfopen(words[1], L"w") : NULL;
    if (!told) return 1;
    HANDLE agent = count > 3 && !wcscmp(words[2], L"start") ? start(words[3]) : NULL;
    HWND icon = wait_for(L"tray_icon_app", NULL);
    if (!icon) {
        fprintf(told, "failed: there is no icon");
    } else if (!wcscmp(words[2], L"start")) {
        fprintf(told, agent && answer_for_wine(agent) ? "done" : "failed: nothing can be written there");
    } else if (!wcscmp(words[2], L"pry")) {
        fprintf(told, opens(icon, PROCESS_QUERY_LIMITED_INFORMATION) ? "seen\n" : "not seen\n");
        fprintf(told, opens(icon, PROCESS_VM_READ) ? "read\n" : "not read\n");
        fprintf(told, opens(icon, PROCESS_VM_WRITE | PROCESS_VM_OPERATION) ? "written\ndone" : "not written\ndone");
    } else if (!wcscmp(words[2], L"down") && count > 3) {
        HWND menu = wait_for(L"#32768", NULL);
        for (int entry = 0; menu && entry < _wtoi(words[3]); entry++)
            PostMessageW(icon, WM_KEYDOWN, VK_DOWN, 1);
        fprintf(told, menu ? "done" : "failed: there is no menu");
    } else if (!wcscmp(words[2], L"enter")) {
        PostMessageW(icon, WM_KEYDOWN, VK_RETURN, 1);
        HWND message = wait_for(L"#32770", L"dagpass");
        wchar_t text[1024] = L"";
        if (message) EnumChildWindows(message, longest, (LPARAM)text);
        fprintf(told, message ? "%ls\ndone" : "failed: there is no message", text);
    } else if (!wcscmp(words[2], L"notice")) {
        int sent = PostMessageW(icon, HAPPENED, 0, NIN_BALLOONUSERCLICK);
        fprintf(told, sent ? "done" : "failed: the icon is gone");
    }
    fclose(told);
    if (agent) WaitForSingleObject(agent, INFINITE);
    return 0;
}
